// SPDX-License-Identifier: Apache-2.0

package asks

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

// gate holds requests back until it is opened.
type gate struct {
	arrived atomic.Int64
	open    chan struct{}
	replied chan error // what became of the answers
}

func newGate() *gate {
	return &gate{open: make(chan struct{}), replied: make(chan error, 1000)}
}

func (g *gate) ServeXIO(r *xio.Request) {
	g.arrived.Add(1)
	<-g.open
	g.replied <- r.Reply(&xio.Message{Header: r.Header(), Data: r.Data()})
}

// The user asks what happens when a context is destroyed before what lives on it: all
// of it ends, messages that are out included, and nothing is lost.
// https://github.com/accelio/accelio/issues/71
func TestAccelio71_ContextClosedBeforeItsObjects(t *testing.T) {
	leakCheck(t)
	for _, whose := range []string{"client's", "server's", "both on one"} {
		t.Run(whose, func(t *testing.T) {
			there := newContext(t, xio.ContextOptions{})
			here := there
			if whose != "both on one" {
				here = newContext(t, xio.ContextOptions{})
			}
			var arrived atomic.Int64
			replied := make(chan error, 5)
			s := listen(t, xio.ListenConfig{Context: there}, xio.HandlerFunc(func(r *xio.Request) {
				arrived.Add(1)
				<-r.Context().Done() // every handler learns of the end
				replied <- r.Reply(&xio.Message{})
			}))
			c := dial(t, xio.Dialer{Context: here}, s.URI())
			const out = 5
			ended := make(chan error, out)
			for range out {
				require.NoError(t, c.Send(testContext(t), &xio.Message{Data: []byte("held")}, func(_ *xio.Response, err error) {
					ended <- err
				}))
			}
			eventually(t, "arrival", func() bool { return arrived.Load() == out })
			if whose == "client's" {
				require.NoError(t, here.Close())
			} else {
				require.NoError(t, there.Close())
			}
			for range out {
				require.ErrorIs(t, await(t, "the end of a request", ended), xio.ErrMsgFlushed)
			}
			for range out {
				require.ErrorIs(t, await(t, "a late answer", replied), xio.ErrMsgDiscarded)
			}
			await(t, "the connection's end", c.Done())
			require.NoError(t, c.Close())
			require.NoError(t, s.Close())
		})
	}
}

// The same in every order of what can be closed.
func TestAccelio71_ClosedInAnyOrder(t *testing.T) {
	leakCheck(t)
	var run func(order []int)
	run = func(order []int) {
		for i := range 4 {
			if !contains(order, i) {
				run(append(order[:len(order):len(order)], i))
			}
		}
		if len(order) < 4 {
			return
		}
		there, here := newContext(t, xio.ContextOptions{}), newContext(t, xio.ContextOptions{})
		s := listen(t, xio.ListenConfig{Context: there}, echo)
		c := dial(t, xio.Dialer{Context: here}, s.URI())
		require.NoError(t, askEcho(c, []byte("x")))
		closers := []func() error{c.Close, s.Close, here.Close, there.Close}
		for _, i := range order {
			require.NoError(t, closers[i](), order)
		}
		require.Equal(t, xio.StateClosed, c.State(), order)
	}
	run(nil)
}

func contains(list []int, n int) bool {
	for _, m := range list {
		if m == n {
			return true
		}
	}
	return false
}

// The user closes a connection while responses are on their way, and one that comes
// after that crashed it: https://github.com/accelio/accelio/pull/174
func TestAccelio174_ResponseAfterClose(t *testing.T) {
	leakCheck(t)
	for round := range 20 {
		g := newGate()
		s := listen(t, xio.ListenConfig{}, g)
		c := dial(t, xio.Dialer{}, s.URI())
		const out = 8
		ended := make(chan error, out)
		data := pattern(1+round*1500, round) // inline and beyond
		for range out {
			m := &xio.Message{Data: data, MaxResponse: len(data)}
			require.NoError(t, c.Send(testContext(t), m, func(r *xio.Response, err error) {
				if err == nil {
					if !bytes.Equal(data, r.Data()) {
						err = errors.New("damaged")
					}
					r.Release()
				}
				ended <- err
			}))
		}
		eventually(t, "arrival", func() bool { return g.arrived.Load() == out })
		var wg sync.WaitGroup
		wg.Go(func() { close(g.open) })
		wg.Go(func() { assert.NoError(t, c.Close()) })
		wg.Wait()
		for range out {
			if err := await(t, "the end of a request", ended); err != nil {
				require.ErrorIs(t, err, xio.ErrMsgFlushed)
			}
			if err := await(t, "what the server learns", g.replied); err != nil {
				require.ErrorIs(t, err, xio.ErrMsgDiscarded)
			}
		}
		require.NoError(t, s.Close())
		require.Empty(t, ended, "each ends once")
	}
}

// A connection may be torn down without any sign before, and then stayed in the user's
// tables: here its end is told exactly once, whatever it was.
// https://github.com/ceph/ceph/pull/9391
func TestCeph9391_EveryConnectionsEndIsTold(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	table := map[*xio.Connection]int{}
	note := func(c *xio.Connection) {
		mu.Lock()
		defer mu.Unlock()
		table[c]++
	}
	s := listen(t, xio.ListenConfig{
		OnConnect: note,
		OnDisconnect: func(c *xio.Connection, err error) {
			assert.Error(t, err)
			note(c)
		},
	}, echo)
	for range 5 { // that say goodbye, and that never said anything else
		c := dial(t, xio.Dialer{}, s.URI())
		require.NoError(t, askEcho(c, []byte("x")))
		require.NoError(t, c.Close())
		require.NoError(t, dial(t, xio.Dialer{}, s.URI()).Close())
	}
	killed := start(t, "hold", s.URI()) // that do not
	killed.expect("up")
	killed.kill()
	require.NoError(t, dial(t, xio.Dialer{}, s.URI()).Session().Close())
	last := dial(t, xio.Dialer{}, s.URI())
	require.NoError(t, s.Close()) // that the server closes
	require.NoError(t, last.Close())
	eventually(t, "every end", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range table {
			if n != 2 {
				return false
			}
		}
		return len(table) == 13
	})
	require.Empty(t, s.Connections())
}

// The user's server still works on a request when its connection is torn down, and
// found its memory of both freed: https://github.com/openvstorage/volumedriver/issues/66
func TestVolumedriver66_RequestOutlivesItsConnection(t *testing.T) {
	leakCheck(t)
	type open struct{ volume string }
	var mu sync.Mutex
	clients := map[*xio.Connection]*open{}
	arrived, proceed := make(chan struct{}, 2), make(chan struct{})
	results := make(chan error, 2)
	s := listen(t, xio.ListenConfig{
		OnConnect: func(c *xio.Connection) {
			mu.Lock()
			defer mu.Unlock()
			clients[c] = &open{"volume"}
		},
		OnDisconnect: func(c *xio.Connection, _ error) {
			mu.Lock()
			defer mu.Unlock()
			delete(clients, c)
		},
	}, xio.HandlerFunc(func(r *xio.Request) {
		arrived <- struct{}{}
		<-proceed
		assert.NotEmpty(t, r.Conn().RemoteAddr().String())
		assert.NotZero(t, r.Conn().Stats().Received)
		assert.Equal(t, pattern(r.Len(), 1), r.Data())
		results <- r.Reply(&xio.Message{Data: r.Data()})
	}))
	for _, n := range []int{100, 100_000} {
		c := dial(t, xio.Dialer{}, s.URI())
		require.NoError(t, c.Send(testContext(t), &xio.Message{Data: pattern(n, 1)}, func(r *xio.Response, err error) {
			assert.ErrorIs(t, err, xio.ErrMsgFlushed)
		}))
		await(t, "the request", arrived)
		require.NoError(t, c.Close())
	}
	eventually(t, "the server has forgotten the clients", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(clients) == 0
	})
	close(proceed)
	for range 2 {
		require.ErrorIs(t, await(t, "the reply", results), xio.ErrMsgDiscarded)
	}
}

// The user's sessions close instead of opening while there is much to do:
// https://github.com/accelio/JXIO/issues/9
func TestJXIO9_SessionsOpenAndCloseUnderLoad(t *testing.T) {
	if !kin() {
		t.Skip("not on an installed libxio: now and then it disconnects a session instead of opening it")
	}
	leakCheck(t)
	s := listen(t, xio.ListenConfig{}, echo)
	busy := dial(t, xio.Dialer{}, s.URI())
	stop := make(chan struct{})
	var load, users sync.WaitGroup
	for g := range 4 {
		load.Go(func() {
			data := pattern(50_000, g)
			for {
				select {
				case <-stop:
					return
				default:
					if !assert.NoError(t, askEcho(busy, data)) {
						return
					}
				}
			}
		})
	}
	for g := range 8 {
		users.Go(func() {
			for i := range 10 {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				c, err := (&xio.Dialer{Timeout: -1}).Dial(ctx, s.URI())
				cancel()
				if !assert.NoError(t, err) {
					return
				}
				assert.NoError(t, askEcho(c, pattern(1000, g*10+i)))
				assert.NoError(t, c.Close())
			}
		})
	}
	users.Wait()
	close(stop)
	load.Wait()
	require.EqualValues(t, 81, s.Stats().Accepted)
	require.Zero(t, s.Stats().Rejected)
}

// The user's session was used before its creation was complete, a race between create
// and connect: https://github.com/accelio/JXIO/pull/18
func TestJXIO18_ASessionIsUsableFromTheFirstMoment(t *testing.T) {
	leakCheck(t)
	for range 20 {
		greeted := make(chan error, 1)
		s := listen(t, xio.ListenConfig{OnConnect: func(c *xio.Connection) {
			greeted <- askEcho(c, []byte("hello from the server"))
		}}, echo)
		c, err := (&xio.Dialer{Handler: echo}).Dial(testContext(t), s.URI())
		require.NoError(t, err)
		require.Equal(t, []*xio.Connection{c}, c.Session().Connections())
		require.NoError(t, askEcho(c, []byte("hello from the client")))
		require.NoError(t, await(t, "the server's greeting", greeted))
		require.NoError(t, c.Close())
		require.NoError(t, s.Close())
	}
}

// The same when the creation is given up on the way.
func TestJXIO18_ASessionMayBeGivenUpAtAnyMoment(t *testing.T) {
	if !kin() {
		t.Skip("not on an installed libxio: it leaks the sockets of a connect that is given up")
	}
	leakCheck(t)
	s := listen(t, xio.ListenConfig{}, echo)
	for i := range 40 {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
		c, err := xio.Dial(ctx, s.URI())
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			continue
		}
		require.NoError(t, askEcho(c, []byte("x")))
		require.NoError(t, c.Close())
	}
	require.NoError(t, askEcho(dial(t, xio.Dialer{}, s.URI()), []byte("x")))
}
