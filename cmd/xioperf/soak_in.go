// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"sync"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// incoming is the requests and one-way messages that one connection brings.
type incoming struct {
	ordered bool // handlers run one at a time, so the order is seen

	mu       sync.Mutex
	known    bool // the stream is
	stream   uint64
	requests sequence
	oneWays  sequence
}

// arrived judges a sound message.
func (in *incoming) arrived(t *tally, l label) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.known {
		in.known, in.stream = true, l.stream
	}
	good := counts{Requests: 1, Bytes: uint64(l.length)}
	seen := &in.requests
	if l.kind == kindOneWay {
		good = counts{OneWays: 1, Bytes: uint64(l.length)}
		seen = &in.oneWays
	}
	how := arrivedTooFar
	if in.stream == l.stream && uint64(l.earlier) <= in.oneWays.next+maxGap {
		in.oneWays.expect(uint64(l.earlier))
		how = seen.arrive(l.seq)
	}
	switch {
	case how == arrivedTooFar:
		t.fault(counts{Damaged: 1}, "%v does not belong on its connection", l)
	case how == arrivedAgain:
		t.fault(counts{Duplicated: 1}, "%v came again", l)
	case how == arrivedLate && in.ordered:
		t.fault(counts{Reordered: 1}, "%v came after a later one", l)
	default:
		t.add(good)
	}
}

// finish counts what is missing below the last that came; the connection has
// ended.
func (in *incoming) finish(t *tally) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if n := in.requests.lost(0) + in.oneWays.lost(0); n > 0 && in.ordered {
		t.fault(counts{Lost: n}, "%d messages of stream %x never came, but later ones did", n, in.stream)
	}
}

// takeOneWay checks a one-way message.
func (t *tally) takeOneWay(m *xio.OneWay, in *incoming) {
	l, err := parseLabel(m.Header())
	if err != nil || l.kind != kindOneWay || !l.describes(m.Data()) {
		t.fault(counts{Damaged: 1}, "a one-way message of %d bytes came damaged", m.Len())
		return
	}
	in.arrived(t, l)
}

// answer checks a request and answers it: with its own data, or with other data
// of any size, so that neither side sends the same way all the time.
func (t *tally) answer(req *xio.Request, in *incoming) {
	l, err := parseLabel(req.Header())
	data := req.Data()
	if err != nil || l.kind != kindRequest || !l.describes(data) {
		t.fault(counts{Damaged: 1}, "a request of %d bytes came damaged", len(data))
		_ = req.ReplyError(xio.ErrMsgInvalid, "damaged request")
		return
	}
	in.arrived(t, l)
	var m xio.Message
	rng := rand.New(rand.NewPCG(l.stream, l.seq))
	if buf := otherData(rng); buf != nil {
		defer buf.Release()
		data = buf.Bytes()
		m.Buffers = []*pool.Buffer{buf}
	} else {
		m.Data = data
	}
	m.Header = labelFor(kindAnswer, l.stream, l.seq, data).appendTo(nil)
	if err := req.Reply(&m); err != nil {
		// If the requester is gone there is nothing to tell it, otherwise it
		// counts the loss.
		_ = req.ReplyError(xio.ErrUnsuccessful, err.Error())
	}
}

// otherData is new data in a pool buffer, or nil: half of the time, and when
// there is no memory just now, because a handler must not wait.
func otherData(rng *rand.Rand) *pool.Buffer {
	if rng.IntN(2) == 0 {
		return nil
	}
	data := cutData(rng)
	buf, err := pool.Default().TryGet(len(data))
	if err != nil {
		return nil
	}
	copy(buf.Bytes(), data)
	return buf
}
