// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"context"
	"fmt"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/xio"
)

// sequence is a message on its way in: the datagrams that have come of it. It belongs
// to whoever looks at what arrives.
//
// Implements: XioInSeq
type sequence struct {
	head   msgHeader
	open   bool // claim is held
	claim  core.Claim
	recv   time.Time
	adm    time.Time
	left   uint32 // datagrams still to come
	got    int64  // bytes
	hook   *XioReplyHook
	copied []byte // of a message above maxHeld
	dead   bool   // a datagram has been refused

	in core.Incoming // what is handed over
}

const (
	// maxDatagrams bounds the datagrams of a message: what the library keeps of a
	// connection at a time.
	maxDatagrams = 16384
	// maxHeld is the size from which a message is copied as it comes, since the
	// library reads no further while too much of a connection is held.
	maxHeld = 32 << 20
)

// arrived is called with every xio message. Driver.
func (x *XioConnection) arrived(m *xio.OneWay) {
	m.Conn().Yield() // to the dispatch goroutine, or whom a fast dispatcher wakes
	h := m.Header()
	if len(h) > 0 && core.Tag(h[0]) != core.TagMsg {
		if err := x.control(m, h); err != nil {
			x.Close(err)
		}
		return
	}
	x.mu.Lock()
	if x.given {
		x.mu.Unlock()
		return
	}
	direct := x.handler != nil && !x.pumping && len(x.queue) == 0 &&
		x.t.cfg.Injector == nil && x.t.cfg.Interceptor == nil
	if direct {
		x.mu.Unlock()
		if x.take(m, false) {
			return
		}
		x.mu.Lock()
	}
	err := x.early(m)
	if err == nil {
		m.Detach()
		x.queue = append(x.queue, m)
		x.startPump()
	}
	x.mu.Unlock()
	if err != nil {
		x.Close(err)
	}
}

// early looks at a message that may have come before the link is open on this side,
// which is a moment after it is on the other. Under mu.
func (x *XioConnection) early(m *xio.OneWay) error {
	switch {
	case x.handler != nil:
		return nil
	case len(x.queue) >= maxEarly:
		return messenger.NewFault(messenger.ErrBadHandshake, nil, "too many messages before the end of the handshake")
	case x.t.o.CephCompat && x.portal == nil && x.first == nil:
		first := new(msgHeader)
		if err := first.decode(m.Header(), true); err != nil {
			return err
		}
		x.first = first
		x.shakes <- shake{}
	case !x.t.o.CephCompat && !x.heard:
		return messenger.NewFault(messenger.ErrBadHandshake, nil, "a message without a handshake")
	}
	return nil
}

// startPump has what is in the queue looked at by a goroutine. Under mu.
func (x *XioConnection) startPump() {
	if x.handler == nil || x.pumping || len(x.queue) == 0 {
		return
	}
	x.pumping = true
	go x.pump()
}

func (x *XioConnection) pump() {
	for {
		x.mu.Lock()
		if len(x.queue) == 0 {
			x.pumping = false
			x.change.Broadcast()
			x.mu.Unlock()
			return
		}
		m := x.queue[0]
		x.queue[0] = nil
		x.queue = x.queue[1:]
		x.mu.Unlock()
		x.take(m, true)
	}
}

// control deals with what is no message. Driver.
func (x *XioConnection) control(m *xio.OneWay, h []byte) error {
	tag := core.Tag(h[0])
	x.mu.Lock()
	handler := x.handler
	x.mu.Unlock()
	switch tag {
	case core.TagKeepalive, core.TagKeepalive2, core.TagKeepalive2Ack:
		d := messenger.NewDecoder(h[1:])
		stamp := time.Time{}
		if tag != core.TagKeepalive {
			stamp = d.Time()
		}
		if d.Err() != nil || d.Len() != 0 || m.Len() != 0 {
			return messenger.NewFault(messenger.ErrBadMessage, nil, "keepalive")
		}
		switch {
		case handler == nil:
		case tag == core.TagKeepalive2Ack:
			handler.KeepaliveAck(stamp)
		default:
			handler.Keepalive(stamp, tag == core.TagKeepalive2)
		}
		return nil
	}
	if handler != nil || x.t.o.CephCompat {
		return messenger.NewFault(messenger.ErrBadMessage, nil, fmt.Sprintf("tag %#x", tag))
	}
	return x.shook(m, h)
}

// take looks at one datagram. One that was detached belongs to it, and may be waited
// for; with any other it says false, and has done nothing, where throttles would make
// it wait.
func (x *XioConnection) take(m *xio.OneWay, detached bool) bool {
	s := &x.rx
	if s.dead {
		giveBack(m, detached)
		return true
	}
	if s.left == 0 {
		ok, err := x.opens(m, detached)
		if err != nil {
			x.refuse(m, detached, err)
			return true
		}
		if !ok {
			return false
		}
	} else if len(m.Header()) != 0 {
		x.refuse(m, detached, messenger.NewFault(messenger.ErrBadMessage, nil, "a header inside a message"))
		return true
	}
	s.left--
	s.got += int64(m.Len())
	size := s.head.hdr.Size()
	switch {
	case s.got > size || s.left == 0 && s.got < size:
		x.refuse(m, detached, messenger.NewFault(messenger.ErrBadMessage, nil,
			fmt.Sprintf("%d bytes of %d with %d datagrams to come", s.got, size, s.left)))
	case s.left == 0 && s.hook == nil && s.head.hdr.DataLen == 0:
		// Front and middle are copied by who reads them: this can go back at once.
		x.deliver(m.Segments(), nil)
		giveBack(m, detached)
	case size > maxHeld:
		for _, p := range m.Segments() {
			s.copied = append(s.copied, p...)
		}
		giveBack(m, detached)
		if s.left == 0 {
			whole := [][]byte{s.copied}
			s.copied = nil
			x.deliver(whole, newReplyHook())
		}
	default:
		if !detached {
			m.Detach()
		}
		if s.hook == nil {
			s.hook = newReplyHook()
		}
		s.hook.msgs = append(s.hook.msgs, m)
		if s.left == 0 {
			hook := s.hook
			s.hook = nil
			x.deliver(s.segments(hook), hook)
		}
	}
	return true
}

// segments is all datagrams' memory.
func (s *sequence) segments(h *XioReplyHook) [][]byte {
	if len(h.msgs) == 1 {
		return h.msgs[0].Segments()
	}
	var segs [][]byte
	for _, m := range h.msgs {
		segs = append(segs, m.Segments()...)
	}
	return segs
}

func giveBack(m *xio.OneWay, detached bool) {
	if detached {
		m.Release()
	}
}

// opens begins a message with its first datagram.
func (x *XioConnection) opens(m *xio.OneWay, wait bool) (bool, error) {
	s := &x.rx
	now := time.Now()
	if err := s.head.decode(m.Header(), false); err != nil {
		return false, err
	}
	// Every datagram but those of an empty message has at least one byte.
	if n := int64(s.head.count); n < 1 || n > max(s.head.hdr.Size(), 1) || n > maxDatagrams {
		return false, messenger.NewFault(messenger.ErrBadMessage, nil, fmt.Sprintf("%d datagrams for %d bytes", n, s.head.hdr.Size()))
	}
	// What has arrived counts, even if the link ends here: the peer may have its receipt.
	ctx := context.Background()
	if wait {
		if err := x.inject(ctx); err != nil {
			x.Close(err)
		}
	}
	c, ok, err := x.handler.Admit(ctx, &s.head.hdr, wait)
	if !ok || err != nil {
		return false, err
	}
	s.claim, s.recv, s.adm = c, now, now
	if wait {
		s.adm = time.Now()
	}
	s.open, s.left, s.got = true, s.head.count, 0
	return true, nil
}

// deliver hands a message to the session. hook, if there is one, has what segs lie in.
func (x *XioConnection) deliver(segs [][]byte, hook *XioReplyHook) {
	s := &x.rx
	cur := cursor{segs: segs}
	in := &s.in
	*in = core.Incoming{
		Header:       s.head.hdr,
		Footer:       s.head.footer,
		Front:        cur.view(int(s.head.hdr.FrontLen)),
		Claim:        s.claim,
		Recv:         s.recv,
		Throttle:     s.adm,
		RecvComplete: s.adm,
		NoHeaderCRC:  x.t.o.CephCompat,
	}
	if s.head.count > 1 {
		in.RecvComplete = time.Now()
	}
	if n := int(s.head.hdr.MiddleLen); n > 0 {
		in.Middle = append([]byte(nil), cur.view(n)...)
	}
	if hook != nil {
		in.Data = hook.buffers(&cur, int(s.head.hdr.DataLen))
		in.Memory = (*memory)(hook)
		hook.ReplyTo = messenger.NewReplyTo(x.handler.Connection(), s.head.hdr.Tid)
		in.Hook = hook
	}
	s.open = false
	x.handler.Receive(context.Background(), in)
	*in = core.Incoming{}
}

// refuse ends the link because of a datagram: nothing behind it can be understood.
func (x *XioConnection) refuse(m *xio.OneWay, detached bool, why error) {
	s := &x.rx
	giveBack(m, detached)
	x.drop()
	s.left, s.copied, s.dead = 0, nil, true
	x.Close(why)
}

// drop ends a message of which the rest will not come. Nothing else is at work.
func (x *XioConnection) drop() {
	s := &x.rx
	if s.open {
		s.claim.Cancel()
		s.open = false
	}
	if s.hook != nil {
		s.hook.release()
		s.hook = nil
	}
}
