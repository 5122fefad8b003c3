// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// outgoing is the requests and one-way messages that one side sends on one
// connection. One goroutine sends; completions come from the driver.
type outgoing struct {
	t       *tally
	conn    *xio.Connection
	stream  uint64
	ordered bool // the peer answers in the order of requests
	rng     *rand.Rand
	sent    uint64 // requests
	oneWays uint64
	free    chan *soakSlot
	depth   int

	mu      sync.Mutex
	answers sequence
	cutOff  map[uint64]struct{}
	mayEnd  bool // the connection is closed on purpose, or the peer may close it
	over    bool // counted; what still comes is too late
}

// soakSlot is the place of one message in flight.
type soakSlot struct {
	seq    uint64
	oneWay bool
	header [soakHeader]byte
	done   func(*xio.Response, error)
	gone   func(error) // of a one-way message
}

func newOutgoing(t *tally, conn *xio.Connection, depth int, ordered bool, rng *rand.Rand) *outgoing {
	o := &outgoing{
		t:       t,
		conn:    conn,
		stream:  rng.Uint64(),
		ordered: ordered,
		rng:     rng,
		free:    make(chan *soakSlot, depth),
		depth:   depth,
		cutOff:  map[uint64]struct{}{},
	}
	for range depth {
		s := new(soakSlot)
		s.done = func(rsp *xio.Response, err error) {
			o.ended(s, rsp, err)
			o.free <- s
		}
		s.gone = func(err error) { s.done(nil, err) }
		o.free <- s
	}
	return o
}

// sendUntil sends until end, or until the connection has ended.
func (o *outgoing) sendUntil(end <-chan struct{}, pause func()) {
	for {
		select {
		case <-end:
			return
		case <-o.conn.Done():
			return
		case s := <-o.free:
			o.send(s, o.rng.IntN(4) == 0)
		}
		pause()
	}
}

// send sends one message, from a pool buffer or as data to copy.
func (o *outgoing) send(s *soakSlot, oneWay bool) {
	data := cutData(o.rng)
	var l label
	if s.oneWay = oneWay; oneWay {
		l = labelFor(kindOneWay, o.stream, o.oneWays, data)
		o.oneWays++
	} else {
		l = labelFor(kindRequest, o.stream, o.sent, data)
		l.earlier = uint32(o.oneWays)
		o.sent++
	}
	s.seq = l.seq
	m := xio.Message{Header: l.appendTo(s.header[:0]), MaxResponse: soakMax, Receipt: oneWay && o.rng.IntN(2) == 0}
	ctx := untilDone{o.conn.Done()}
	var err error
	if o.rng.IntN(2) == 0 {
		m.Data = data
	} else {
		var buf *pool.Buffer
		if buf, err = pool.Default().Get(ctx, len(data)); err == nil {
			defer buf.Release()
			copy(buf.Bytes(), data)
			m.Buffers = []*pool.Buffer{buf}
		}
	}
	switch {
	case err != nil:
	case oneWay:
		err = o.conn.SendMsg(ctx, &m, s.gone)
	default:
		err = o.conn.Send(ctx, &m, s.done)
	}
	if err != nil {
		o.ended(s, nil, err)
		o.free <- s
	}
}

// ended judges what came of a message.
func (o *outgoing) ended(s *soakSlot, rsp *xio.Response, err error) {
	if rsp != nil {
		defer rsp.Release()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.over:
	case s.oneWay:
		o.oneWayEnded(s, err)
	case err == nil:
		o.judge(s, rsp)
	case isCut(err):
		o.cutOff[s.seq] = struct{}{}
	default:
		o.t.fault(counts{}, "request %d of stream %x: %v", s.seq, o.stream, err) // counted as lost in the end
	}
}

// oneWayEnded judges what came of a one-way message. The mutex is held.
func (o *outgoing) oneWayEnded(s *soakSlot, err error) {
	switch {
	case err == nil: // the peer sees what is missing
	case isCut(err):
		o.t.add(counts{CutOff: 1})
	default:
		o.t.fault(counts{Lost: 1}, "one-way message %d of stream %x: %v", s.seq, o.stream, err)
	}
}

// judge looks at an answer. The mutex is held.
func (o *outgoing) judge(s *soakSlot, rsp *xio.Response) {
	l, err := parseLabel(rsp.Header())
	if err != nil || l.kind != kindAnswer || l.stream != o.stream || !l.describes(rsp.Data()) {
		o.answers.arrive(s.seq) // damaged, not lost
		o.t.fault(counts{Damaged: 1}, "the answer to request %d of stream %x is damaged", s.seq, o.stream)
		return
	}
	switch how := o.answers.arrive(l.seq); {
	case how == arrivedTooFar:
		o.t.fault(counts{Damaged: 1}, "the answer to request %d of stream %x has number %d", s.seq, o.stream, l.seq)
	case how == arrivedAgain:
		o.t.fault(counts{Duplicated: 1}, "answer %d of stream %x came again, to request %d", l.seq, o.stream, s.seq)
	case l.seq != s.seq, how == arrivedLate && o.ordered:
		o.t.fault(counts{Reordered: 1}, "answer %d of stream %x came out of order, to request %d", l.seq, o.stream, s.seq)
	default:
		o.t.add(counts{Answers: 1, Bytes: uint64(l.length)})
	}
}

// endInOrder sends a last request, by which the peer sees that no one-way
// message is missing, and waits until nothing is in flight. It returns false
// after a time.
func (o *outgoing) endInOrder(patience time.Duration) bool {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case s := <-o.free:
		o.send(s, false)
	case <-limit.C:
		return false
	}
	return o.drain(patience)
}

// drain waits until nothing is in flight. It returns false after a time.
func (o *outgoing) drain(patience time.Duration) bool {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	var back []*soakSlot
	defer func() {
		for _, s := range back {
			o.free <- s
		}
	}()
	for len(back) < o.depth {
		select {
		case s := <-o.free:
			back = append(back, s)
		case <-limit.C:
			return false
		}
	}
	return true
}

// expectEnd says that the connection may end from now on.
func (o *outgoing) expectEnd() {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-o.conn.Done():
		if !o.mayEnd {
			o.t.fault(counts{Broken: 1}, "a connection ended by itself: %v", o.conn.Err())
		}
	default:
	}
	o.mayEnd = true
}

// finish counts what has no answer; there will be none any more.
func (o *outgoing) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return
	}
	o.over = true
	for n := range o.cutOff {
		if o.answers.arrive(n) == arrivedAgain {
			o.t.fault(counts{Duplicated: 1}, "answer %d of stream %x came to another request", n, o.stream)
		}
	}
	o.t.add(counts{CutOff: uint64(len(o.cutOff))})
	if n := o.answers.lost(o.sent); n > 0 {
		o.t.fault(counts{Lost: n}, "%d answers of stream %x never came", n, o.stream)
	}
}

// isCut says that a request ended because its connection did.
func isCut(err error) bool {
	for _, code := range []xio.Code{xio.ErrMsgFlushed, xio.ErrClosed, xio.ErrSessionClosed, xio.ErrSessionDisconnected} {
		if errors.Is(err, code) {
			return true
		}
	}
	return errors.Is(err, context.Canceled) // untilDone
}

// untilDone is a context that ends with a connection.
type untilDone struct{ done <-chan struct{} }

func (u untilDone) Deadline() (time.Time, bool) { return time.Time{}, false }
func (u untilDone) Done() <-chan struct{}       { return u.done }
func (u untilDone) Value(any) any               { return nil }

func (u untilDone) Err() error {
	select {
	case <-u.done:
		return context.Canceled
	default:
		return nil
	}
}
