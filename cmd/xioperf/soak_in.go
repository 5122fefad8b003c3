// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"sync"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// incoming is the requests that one connection brings.
type incoming struct {
	ordered bool // handlers run one at a time, so the order is seen

	mu     sync.Mutex
	seen   sequence
	stream uint64
}

// arrived judges a sound request.
func (in *incoming) arrived(t *tally, l label) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.seen.next == 0 {
		in.stream = l.stream
	}
	how := arrivedTooFar
	if in.stream == l.stream {
		how = in.seen.arrive(l.seq)
	}
	switch {
	case how == arrivedTooFar:
		t.fault(counts{Damaged: 1}, "request %d of stream %x does not belong on its connection", l.seq, l.stream)
	case how == arrivedAgain:
		t.fault(counts{Duplicated: 1}, "request %d of stream %x came again", l.seq, l.stream)
	case how == arrivedLate && in.ordered:
		t.fault(counts{Reordered: 1}, "request %d of stream %x came after a later one", l.seq, l.stream)
	default:
		t.add(counts{Requests: 1, Bytes: uint64(l.length)})
	}
}

// finish counts what is missing below the last that came; the connection has
// ended.
func (in *incoming) finish(t *tally) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if n := in.seen.lost(0); n > 0 && in.ordered {
		t.fault(counts{Lost: n}, "%d requests of stream %x never came, but later ones did", n, in.stream)
	}
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
