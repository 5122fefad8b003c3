// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"fmt"

	"github.com/accelio/accelio-go/messenger"
)

// receiver is what a link's messages are looked at with.
type receiver struct {
	scratch [messenger.MsgHeaderLen]byte
	decoder messenger.Decoder
}

// Admit implements Handler.
func (h *linkHandler) Admit(ctx context.Context, hdr *messenger.MsgHeader, wait bool) (Claim, bool, error) {
	m := h.c.m
	n := hdr.Size()
	if n > m.cfg.MaxMessage {
		return Claim{}, false, messenger.NewFault(messenger.ErrBadMessage, nil,
			fmt.Sprintf("%d bytes announced, %d allowed", n, m.cfg.MaxMessage))
	}
	p := h.c.Policy()
	c, ok := m.admit(&p, n)
	if ok || !wait {
		return c, ok, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.c.life, cancel)()
	c, err := m.admitWait(ctx, &p, n)
	if err != nil {
		return Claim{}, false, messenger.NewFault(messenger.ErrTimeout, err, "throttled")
	}
	return c, true, nil
}

// Receive implements Handler: it checks a message, and dispatches it.
func (h *linkHandler) Receive(ctx context.Context, in *Incoming) {
	c := h.c
	c.lastRecv.Store(in.RecvComplete.UnixNano())
	if c.m.cfg.Interceptor != nil {
		if err := c.m.intercept(ctx, messenger.StepReceive, c, c.PeerAddr(), c.accepted); err != nil {
			// As when the network breaks here: what has arrived has arrived.
			h.broke(err, true)
			h.link.Close(err)
		}
	}
	c.rx.Lock()
	defer c.rx.Unlock()
	ok, lossy := h.counts()
	if !ok {
		in.discard()
		return
	}
	msg, err := h.accept(in)
	if msg == nil {
		in.discard()
		if err != nil {
			c.m.log.Warn("messenger: bad message", "peer", c.PeerAddr(), "error", err)
			h.fail(err)
		}
		return
	}
	c.inSeq.Store(in.Header.Seq)
	if c.settling.Load() {
		select {
		case c.grown <- struct{}{}:
		default:
		}
	}
	if !lossy {
		h.link.SendAck(in.Header.Seq)
	}
	c.m.deliver(c, msg, in.Claim)
}

// counts says whether messages of this link are still the session's, and whether that
// is lossy.
func (h *linkHandler) counts() (ok, lossy bool) {
	c := h.c
	c.mu.Lock()
	defer c.mu.Unlock()
	return h == c.cur || h == c.draining, c.policy.Lossy
}

// accept checks a message, looks at its number, and decodes what is new. What came
// before is no message and no error.
func (h *linkHandler) accept(in *Incoming) (messenger.Message, error) {
	c := h.c
	if err := h.verify(in); err != nil {
		return nil, err
	}
	seq, last := in.Header.Seq, c.inSeq.Load()
	if seq <= last {
		c.m.log.Debug("messenger: duplicate dropped", "peer", c.PeerAddr(), "seq", seq, "last", last)
		return nil, nil
	}
	if seq > last+1 && last != 0 {
		if c.m.transport.StrictSeq() {
			return nil, messenger.NewFault(messenger.ErrBadSeq, nil, fmt.Sprintf("%d behind %d", seq, last))
		}
		c.m.log.Debug("messenger: gap", "peer", c.PeerAddr(), "seq", seq, "last", last)
	}
	return h.decode(in)
}

// verify checks all sums, and the signature.
func (h *linkHandler) verify(in *Incoming) error {
	m := h.c.m
	hdr, f := &in.Header, &in.Footer
	if f.Flags&messenger.FooterComplete == 0 {
		return messenger.NewFault(messenger.ErrBadMessage, nil, "incomplete")
	}
	if !m.cfg.DisableHeaderCRC {
		if !in.NoHeaderCRC && hdr.CRC != hdr.Sum(h.rx.scratch[:]) {
			return messenger.NewFault(messenger.ErrBadCRC, nil, "header")
		}
		if f.FrontCRC != messenger.CRC32C(0, in.Front) {
			return messenger.NewFault(messenger.ErrBadCRC, nil, "front")
		}
		if f.MiddleCRC != messenger.CRC32C(0, in.Middle) {
			return messenger.NewFault(messenger.ErrBadCRC, nil, "middle")
		}
	}
	if !m.cfg.DisableDataCRC && f.Flags&messenger.FooterNoCRC == 0 && f.DataCRC != sumBuffers(in.Data) {
		return messenger.NewFault(messenger.ErrBadCRC, nil, "data")
	}
	if h.sign != nil {
		if f.Flags&messenger.FooterSigned == 0 || f.Sig != h.sign(signed(hdr, f)) {
			return messenger.NewFault(messenger.ErrBadSignature, nil, "")
		}
	}
	if hdr.Priority > messenger.PriorityHighest {
		return messenger.NewFault(messenger.ErrBadMessage, nil, fmt.Sprintf("priority %d", hdr.Priority))
	}
	return nil
}

// decode makes the message.
func (h *linkHandler) decode(in *Incoming) (messenger.Message, error) {
	hdr, f := &in.Header, &in.Footer
	msg, err := h.c.m.types.New(hdr)
	if err != nil {
		return nil, err
	}
	b := msg.Base()
	b.SetReceived(*hdr, *f, in.Middle, nil)
	d := &h.rx.decoder
	d.Reset(in.Front)
	msg.DecodePayload(d)
	if err := d.Err(); err != nil {
		return nil, messenger.NewFault(messenger.ErrBadMessage, err, fmt.Sprintf("type %d", hdr.Type))
	}
	b.SetReceived(*hdr, *f, in.Middle, in.Data)
	b.SetConnection(h.c.ref)
	b.SetReplyHook(in.Hook)
	b.StampReceived(in.Recv, in.Throttle, in.RecvComplete)
	claim, memory := in.Claim, in.Memory
	b.OnRelease(func() {
		claim.released()
		if memory != nil {
			memory.Release()
		}
	})
	return msg, nil
}

// discard ends a message that is not dispatched.
func (in *Incoming) discard() {
	in.Claim.Cancel()
	for _, d := range in.Data {
		d.Release()
	}
	if in.Memory != nil {
		in.Memory.Release()
	}
}
