// SPDX-License-Identifier: Apache-2.0

package netns

import (
	"context"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/accelio/accelio-go/xio"
)

// ledger knows of every message what became of it.
type ledger struct {
	last  atomic.Uint64
	small atomic.Bool // no data above MaxInlineData from now on
	mu    sync.Mutex
	ended map[uint64][]error // by number, every end it had
	back  map[uint64]int     // requests of the peer, by number
}

func newLedger() *ledger {
	return &ledger{ended: map[uint64][]error{}, back: map[uint64]int{}}
}

// number is a message's, which nobody has heard of yet.
func (g *ledger) number() uint64 {
	id := g.last.Add(1)
	g.mu.Lock()
	g.ended[id] = nil
	g.mu.Unlock()
	return id
}

func (g *ledger) end(id uint64, err error) {
	g.mu.Lock()
	g.ended[id] = append(g.ended[id], err)
	g.mu.Unlock()
}

// counts are the messages that have ended, well and badly, and those that have not.
func (g *ledger) counts() (well, badly, open int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, ends := range g.ended {
		switch {
		case len(ends) == 0:
			open++
		case ends[0] == nil:
			well++
		default:
			badly++
		}
	}
	return well, badly, open
}

// balance checks that each message ended exactly once, and what the peer saw of it:
// once if it ended well, and otherwise once or not at all.
func (g *ledger) balance(t *testing.T, seen map[uint64]int) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, ends := range g.ended {
		if !assert.Len(t, ends, 1, "message %d ends once", id) {
			continue
		}
		if ends[0] == nil {
			assert.Equal(t, 1, seen[id], "message %d, which ended well", id)
		} else {
			assert.LessOrEqual(t, seen[id], 1, "message %d, which ended with %v", id, ends[0])
		}
	}
	for id := range seen {
		assert.Contains(t, g.ended, id, "nobody sent message %d", id)
	}
	for id, n := range g.back {
		assert.Equal(t, 1, n, "the peer's request %d", id)
	}
}

// handler answers the peer's requests.
func (g *ledger) handler() xio.Handler {
	return xio.HandlerFunc(func(r *xio.Request) {
		_, id := parseHeader(r.Header())
		g.mu.Lock()
		g.back[id]++
		g.mu.Unlock()
		r.Reply(&xio.Message{Data: r.Data()})
	})
}

// sizes of data: within a packet, at the edge of what travels inline, above it.
var sizes = []int{0, 100, 1400, xio.MaxInlineData, xio.MaxInlineData + 1, 100_000}

func (g *ledger) content(id uint64) []byte {
	n := sizes[id%uint64(len(sizes))]
	if g.small.Load() {
		n = min(n, xio.MaxInlineData)
	}
	b := make([]byte, n)
	x := uint32(id)*2654435761 + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func verify(rsp *xio.Response, want []byte) error {
	defer rsp.Release()
	if got := rsp.Data(); crc32.ChecksumIEEE(got) != crc32.ChecksumIEEE(want) || len(got) != len(want) {
		return fmt.Errorf("got %d bytes, want %d with another checksum", len(got), len(want))
	}
	return nil
}

// one sends a message, in one of the ways there are, and notes its end.
func (g *ledger) one(ctx context.Context, c *xio.Connection) {
	id := g.number()
	data := g.content(id)
	m := &xio.Message{Header: header(kindEcho, id), Data: data}
	finish := func(rsp *xio.Response, err error) {
		if err == nil {
			err = verify(rsp, data)
		}
		g.end(id, err)
	}
	switch id % 5 {
	case 0:
		done := make(chan struct{})
		err := c.Send(ctx, m, func(rsp *xio.Response, err error) {
			finish(rsp, err)
			close(done)
		})
		if err != nil {
			g.end(id, err)
			return
		}
		<-done
	case 1:
		g.end(id, c.Deliver(ctx, m))
	case 2:
		m.Header = header(kindBack, id)
		fallthrough
	default:
		finish(c.Call(ctx, m))
	}
}

// traffic sends messages from several goroutines, as long as more says so.
func (g *ledger) traffic(ctx context.Context, c *xio.Connection, goroutines int, more func() bool) (wait func()) {
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for more() {
				g.one(ctx, c)
			}
		})
	}
	return all.Wait
}

// times is a number of turns that all goroutines share.
func times(n int64) func() bool {
	var taken atomic.Int64
	return func() bool { return taken.Add(1) <= n }
}
