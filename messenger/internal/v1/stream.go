// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net"
	"sync"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
)

// readLoop hands what arrives to h until the link is closed.
func (l *link) readLoop(h core.Handler, o core.Session) {
	for {
		f, err := readFrame(l.r)
		if err == nil {
			err = l.arrived(h, o, &f)
		}
		if err != nil {
			l.Close(broken(err))
			return
		}
	}
}

func (l *link) arrived(h core.Handler, o core.Session, f *frame) error {
	switch f.tag {
	case core.TagMsg:
		return l.message(h, o, &f.header)
	case core.TagAck:
		h.Delivered(f.seq)
	case core.TagKeepalive:
		h.Keepalive(time.Time{}, false)
	case core.TagKeepalive2:
		h.Keepalive(f.stamp, true)
	case core.TagKeepalive2Ack:
		h.KeepaliveAck(f.stamp)
	case core.TagClose:
		return messenger.NewFault(messenger.ErrClosed, nil, "by "+f.tag.String())
	}
	return nil
}

// message reads the rest of a message. The header's sum is checked here, before
// its lengths are believed.
func (l *link) message(h core.Handler, o core.Session, hdr *messenger.MsgHeader) error {
	recv := time.Now()
	if !l.t.o.DisableHeaderCRC && hdr.CRC != hdr.Sum(nil) {
		return messenger.NewFault(messenger.ErrBadCRC, nil, "header")
	}
	claim, ok, err := h.Admit(l.ctx, hdr, true)
	if err != nil {
		return err
	}
	if !ok {
		return messenger.NewFault(messenger.ErrClosed, l.ctx.Err(), "")
	}
	throttle := time.Now()
	in, err := readBody(l.r, hdr, o.Features)
	if err != nil {
		claim.Cancel()
		return err
	}
	in.Claim, in.Recv, in.Throttle, in.RecvComplete = claim, recv, throttle, time.Now()
	h.Receive(l.ctx, in)
	return nil
}

// Limits of what a link takes before it has written it, and of one write.
const (
	roomFrames = 256
	roomBytes  = 4 << 20
	batchBytes = 1 << 20
)

// outbox is what a link has to write. Numbers and times overtake messages, and of
// each kind only the newest counts.
type outbox struct {
	mu           sync.Mutex
	work         sync.Cond
	frames       []*core.Frame
	bytes        int64
	full         bool // somebody waits for room
	ack          uint64
	acked        uint64
	alive, reply *time.Time
	closed       bool
}

func (b *outbox) init() { b.work.L = &b.mu }

func (b *outbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.work.Broadcast()
}

// rest takes out what has not been written.
func (b *outbox) rest() []*core.Frame {
	b.mu.Lock()
	defer b.mu.Unlock()
	frames := b.frames
	b.frames = nil
	return frames
}

// Send implements core.Link.
func (l *link) Send(f *core.Frame) bool {
	b := &l.out
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.frames) > 0 && (len(b.frames) >= roomFrames || b.bytes >= roomBytes) {
		b.full = true
		return false
	}
	f.Msg.Base().Retain()
	b.frames = append(b.frames, f)
	b.bytes += f.Header.Size()
	b.work.Signal()
	return true
}

// SendAck implements core.Link.
func (l *link) SendAck(seq uint64) {
	b := &l.out
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ack = seq
	b.work.Signal()
}

// SendKeepalive implements core.Link.
func (l *link) SendKeepalive(stamp time.Time) {
	b := &l.out
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alive = &stamp
	b.work.Signal()
}

// SendKeepaliveAck implements core.Link.
func (l *link) SendKeepaliveAck(stamp time.Time) {
	b := &l.out
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reply = &stamp
	b.work.Signal()
}

// batch is what goes out with one write.
type batch struct {
	control []byte
	frames  []*core.Frame
	room    bool // there is room again for somebody who waits
}

// next waits for something to write; ok is false once the link is closed.
func (b *outbox) next(session messenger.Features) (w batch, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closed && len(b.frames) == 0 && b.ack == b.acked && b.alive == nil && b.reply == nil {
		b.work.Wait()
	}
	if b.closed {
		return w, false
	}
	if b.alive != nil {
		if session.Has(messenger.FeatureKeepalive2) {
			w.control = appendStamp(w.control, core.TagKeepalive2, *b.alive)
		} else {
			w.control = append(w.control, uint8(core.TagKeepalive))
		}
		b.alive = nil
	}
	if b.reply != nil {
		w.control = appendStamp(w.control, core.TagKeepalive2Ack, *b.reply)
		b.reply = nil
	}
	if b.ack != b.acked {
		w.control = appendAck(w.control, b.ack)
		b.acked = b.ack
	}
	n, size := 0, int64(0)
	for n < len(b.frames) && (n == 0 || size < batchBytes) {
		size += b.frames[n].Header.Size()
		n++
	}
	w.frames = append(w.frames, b.frames[:n]...)
	b.frames = append(b.frames[:0], b.frames[n:]...)
	clear(b.frames[len(b.frames):cap(b.frames)])
	b.bytes -= size
	if b.full && len(b.frames) <= roomFrames/2 && b.bytes <= roomBytes/2 {
		b.full, w.room = false, true
	}
	return w, true
}

// writeLoop writes what there is until the link is closed.
func (l *link) writeLoop(h core.Handler, o core.Session) {
	for {
		w, ok := l.out.next(o.Features)
		if !ok {
			return
		}
		pieces := make([][]byte, 0, 1+4*len(w.frames))
		if len(w.control) > 0 {
			pieces = append(pieces, w.control)
		}
		for _, f := range w.frames {
			pieces = appendFrame(pieces, f, o.Features)
		}
		err := l.inject()
		if err == nil {
			v := net.Buffers(pieces)
			_, err = v.WriteTo(l.conn)
		}
		for _, f := range w.frames {
			sent(h, f)
		}
		if err != nil {
			l.Close(broken(err))
			return
		}
		if w.room {
			h.Writable()
		}
	}
}

// sent lets go of a frame.
func sent(h core.Handler, f *core.Frame) {
	msg := f.Msg
	h.Sent(f)
	msg.Base().Release()
}
