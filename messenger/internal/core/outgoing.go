// SPDX-License-Identifier: Apache-2.0

package core

import (
	"sync"
	"sync/atomic"

	"github.com/accelio/accelio-go/messenger"
)

// outgoing is a message on its way out. Once it has a number it keeps it, and its
// encoded bytes: what is sent again is what was sent.
type outgoing struct {
	frame   *Frame // a new one for every link, as the last may still read its own
	prio    int
	size    int64              // of all sections, bytes
	session messenger.Features // what it is encoded for
	link    *linkHandler       // what it is numbered and signed for
	gone    bool               // lossy: the link is done with it
	users   atomic.Int32       // the session, and the links that have taken it

	// Most messages are encoded once, in little, and sent once.
	first   Frame
	encoder messenger.Encoder
	front   [shortFront]byte
}

// shortFront is the length of a front that needs no memory of its own.
const shortFront = 64

var outgoings = sync.Pool{New: func() any { return new(outgoing) }}

func newOutgoing(msg messenger.Message) *outgoing {
	o := outgoings.Get().(*outgoing)
	o.prio = msg.Base().Priority()
	o.first.Msg, o.first.o = msg, o
	o.frame = &o.first
	o.users.Store(1)
	return o
}

// unused: the session, or a link, has no use for it any more.
func (o *outgoing) unused() {
	if o.users.Add(-1) > 0 {
		return
	}
	o.frame, o.size, o.session, o.link, o.gone = nil, 0, 0, nil, false
	o.first = Frame{}
	outgoings.Put(o)
}

// encode makes the frame for a session with these features.
func (o *outgoing) encode(m *Messenger, session messenger.Features) {
	msg := o.frame.Msg
	b := msg.Base()
	e := &o.encoder
	if o.link == nil {
		e.Reset(o.front[:0])
	} else { // a former link may still read the first
		e.Reset(nil)
	}
	msg.EncodePayload(e, session)
	h := b.Header()
	h.Seq = o.frame.Header.Seq
	h.Src = m.cfg.Name
	h.Priority = uint16(o.prio)
	if h.CompatVersion == 0 {
		h.CompatVersion = h.Version
	}
	f := o.frame
	f.Front, f.Middle, f.Data = e.Bytes(), b.Middle(), b.Buffers()
	dataLen := b.DataLen()
	o.size = int64(len(f.Front)) + int64(len(f.Middle)) + int64(dataLen)
	h.FrontLen, h.MiddleLen, h.DataLen = uint32(len(f.Front)), uint32(len(f.Middle)), uint32(dataLen)
	f.Header = h
	f.Footer = messenger.MsgFooter{Flags: messenger.FooterComplete}
	if !m.cfg.DisableHeaderCRC {
		f.Footer.FrontCRC = messenger.CRC32C(0, f.Front)
		f.Footer.MiddleCRC = messenger.CRC32C(0, f.Middle)
	}
	if m.cfg.DisableDataCRC {
		f.Footer.Flags |= messenger.FooterNoCRC
	} else {
		f.Footer.DataCRC = sumBuffers(f.Data)
	}
	o.session = session
}

func sumBuffers(data []messenger.Buffer) uint32 {
	var crc uint32
	for _, d := range data {
		crc = messenger.CRC32C(crc, d.Bytes())
	}
	return crc
}

// prepare gives the frame its number, and what depends on it and on the link.
func (o *outgoing) prepare(m *Messenger, seq uint64, h *linkHandler) {
	if o.link != nil {
		f := *o.frame
		o.frame = &f
	}
	if o.session != h.features {
		o.encode(m, h.features)
	}
	o.link = h
	f := o.frame
	f.Header.Seq = seq
	f.Header.CRC = 0
	if !m.cfg.DisableHeaderCRC {
		f.Header.CRC = f.Header.Sum(h.scratch[:])
	}
	f.Footer.Sig = 0
	f.Footer.Flags &^= messenger.FooterSigned
	if h.sign != nil {
		f.Footer.Sig = h.sign(signed(&f.Header, &f.Footer))
		f.Footer.Flags |= messenger.FooterSigned
	}
	f.Msg.Base().SetHeader(f.Header)
}

// signed is what a signature covers.
func signed(h *messenger.MsgHeader, f *messenger.MsgFooter) *[8]uint32 {
	return &[8]uint32{h.CRC, f.FrontCRC, h.FrontLen, f.MiddleCRC, h.MiddleLen, f.DataCRC, h.DataLen, uint32(h.Seq)}
}

// finish ends messages' journeys. No locks.
func finish(list []*outgoing, err error) {
	for _, o := range list {
		refuse(o.frame.Msg, err)
		o.unused()
	}
}

// outQueue is what a connection has yet to send: first in, first out by priority,
// the highest first.
type outQueue struct {
	byPrio []*prioFIFO // highest first; few, as few priorities are in use
	n      int
}

type prioFIFO struct {
	prio int
	fifo fifo[*outgoing]
}

func (q *outQueue) push(o *outgoing) {
	q.n++
	i := 0
	for ; i < len(q.byPrio) && q.byPrio[i].prio >= o.prio; i++ {
		if q.byPrio[i].prio == o.prio {
			q.byPrio[i].fifo.push(o)
			return
		}
	}
	f := &prioFIFO{prio: o.prio}
	f.fifo.push(o)
	q.byPrio = append(q.byPrio, nil)
	copy(q.byPrio[i+1:], q.byPrio[i:])
	q.byPrio[i] = f
}

// pop takes the next one, nil if there is none.
func (q *outQueue) pop() *outgoing {
	if q.n == 0 {
		return nil
	}
	for _, f := range q.byPrio {
		if f.fifo.len() > 0 {
			q.n--
			return f.fifo.pop()
		}
	}
	return nil
}
