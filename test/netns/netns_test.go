// SPDX-License-Identifier: Apache-2.0

package netns

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
	"github.com/accelio/accelio-go/xio/cgo"
)

// bad is a link that is slow and loses and reorders packets.
var bad = weather{delay: 3 * time.Millisecond, jitter: 2 * time.Millisecond, loss: 0.01, reorder: 0.1}

// connect starts a server at the far end and dials it; the test closes both.
func (l *link) connect(g *ledger) *xio.Connection {
	l.t.Helper()
	c := l.dial(l.listen(), g)
	l.t.Cleanup(func() { require.NoError(l.t, c.Close()) })
	return c
}

func (l *link) listen() string {
	l.t.Helper()
	return l.peer.ask(order{Listen: "tcp://" + l.host + ":0"}).URI
}

func (l *link) dial(uri string, g *ledger) *xio.Connection {
	l.t.Helper()
	c, err := (&xio.Dialer{Handler: g.handler(), Timeout: patience}).Dial(testContext(l.t), uri)
	require.NoError(l.t, err)
	return c
}

// The exchange: requests with and without waiting, one-way messages, requests of
// the server, small and large, from several goroutines.
func TestExchange(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind linkKind
		w    weather
	}{{veth, weather{}}, {netem, bad}, {relayed, weather{}}, {relayed, bad}} {
		name := string(tc.kind)
		if tc.w == bad && tc.kind == relayed {
			name += " in bad weather"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLink(t, tc.kind, tc.w)
			g := newLedger()
			c := l.connect(g)
			const messages = 200
			g.traffic(testContext(t), c, 8, times(messages))()
			well, badly, open := g.counts()
			assert.Equal(t, []int{messages, 0, 0}, []int{well, badly, open})
			g.balance(t, l.peer.ask(order{Report: true}).Seen)
			assert.Len(t, g.back, messages/5)
			assert.Equal(t, xio.StateUp, c.State())
			if l.relay != nil && tc.w == bad {
				assert.NotZero(t, l.relay.lost.Load(), "no packet was lost")
				assert.NotZero(t, l.relay.early.Load(), "no packet was overtaken")
			}
		})
	}
}

// A link that goes down under traffic, for less than keepalive bears, and comes back:
// messages are late, and that is all.
func TestLinkDownAndUp(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]func(*link) (down, up func()){
		"this end":      func(l *link) (down, up func()) { return l.down, l.up },
		"the far end":   func(l *link) (down, up func()) { return l.farDown, l.farUp },
		"a relay's":     func(l *link) (down, up func()) { return l.down, l.up },
		"bad weather's": func(l *link) (down, up func()) { return l.farDown, l.farUp },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind, w := veth, weather{}
			switch name {
			case "a relay's":
				kind = relayed
			case "bad weather's":
				kind, w = relayed, bad
			}
			l := newLink(t, kind, w)
			down, up := ends(l)
			g := newLedger()
			c := l.connect(g)
			var enough atomic.Bool
			wait := g.traffic(testContext(t), c, 8, func() bool { return !enough.Load() })
			answered := func(n int) func() bool {
				well, _, _ := g.counts()
				return func() bool { w, _, _ := g.counts(); return w >= well+n }
			}
			eventually(t, "traffic", answered(20))
			down()
			time.Sleep(300 * time.Millisecond)
			up()
			eventually(t, "traffic after the link came back", answered(50))
			enough.Store(true)
			wait()
			_, badly, open := g.counts()
			assert.Zero(t, badly, "messages that failed")
			assert.Zero(t, open)
			g.balance(t, l.peer.ask(order{Report: true}).Seen)
			assert.Equal(t, xio.StateUp, c.State())
		})
	}
}

// A link that goes down for good: keepalive finds the peer dead on both sides, all
// messages end, and when the link is there again so is the server.
func TestDeadPeer(t *testing.T) {
	t.Parallel()
	for _, kind := range []linkKind{veth, relayed} {
		for _, idle := range []bool{true, false} {
			name := fmt.Sprint(kind, ", messages in flight")
			if idle {
				name = fmt.Sprint(kind, ", idle")
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				testDeadPeer(t, newLink(t, kind, weather{}), idle)
			})
		}
	}
}

func testDeadPeer(t *testing.T, l *link, idle bool) {
	g := newLedger()
	uri := l.listen()
	c := l.dial(uri, g)
	defer func() { require.NoError(t, c.Close()) }()
	g.traffic(testContext(t), c, 4, times(20))()

	const held = 10
	if !idle {
		// Requests that the peer has got and will answer too late.
		for range held {
			id := g.number()
			m := &xio.Message{Header: header(kindHold, id), Data: g.content(id)}
			require.NoError(t, c.Send(testContext(t), m, func(rsp *xio.Response, err error) {
				if err == nil {
					rsp.Release()
				}
				g.end(id, err)
			}))
		}
		eventually(t, "the peer has the requests", func() bool { return l.peer.ask(order{Report: true}).Held == held })
	}
	l.down()
	began := time.Now()
	var wait func()
	if !idle {
		// libxio never stops to read what arrives of a large message when its
		// connection is dead.
		g.small.Store(!cgo.Kin())
		wait = g.traffic(testContext(t), c, 4, times(40))
	}
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatal("the peer's death goes unnoticed")
	}
	took := time.Since(began)
	require.ErrorIs(t, c.Err(), xio.ErrTimeout)
	// The first probe may be on its way already. What TCP does by itself takes
	// a quarter of an hour.
	assert.GreaterOrEqual(t, took, keepalive.Interval*time.Duration(keepalive.Probes-1), "sooner than the probes allow")
	assert.Less(t, took, 3*noticed, "later than the probes allow")
	if !idle {
		wait()
		eventually(t, "the last message's end", func() bool { _, _, open := g.counts(); return open == 0 })
		_, badly, _ := g.counts()
		assert.GreaterOrEqual(t, badly, held+40, "what was in flight, and what came later")
	}

	// The server has noticed too, on its own.
	var r report
	eventually(t, "the server notices", func() bool {
		r = l.peer.ask(order{Report: true})
		return len(r.Ended) == 1
	})
	assert.True(t, r.Ended[0].Dead, r.Ended[0].Text)
	assert.Less(t, r.Ended[0].After, 3*noticed+time.Since(began)-took)
	l.peer.ask(order{Answer: true}) // to nobody

	_, err := (&xio.Dialer{Timeout: 200 * time.Millisecond}).Dial(testContext(t), uri)
	require.Error(t, err, "there is no way to the server")
	var e *xio.Error
	require.True(t, errors.As(err, &e))
	assert.Equal(t, "dial", e.Op)

	l.up()
	g.small.Store(false)
	again := l.dial(uri, g)
	defer func() { require.NoError(t, again.Close()) }()
	before, _, _ := g.counts()
	g.traffic(testContext(t), again, 4, times(20))()
	after, _, _ := g.counts()
	assert.Equal(t, before+20, after)
	g.balance(t, l.peer.ask(order{Report: true}).Seen)
}
