// SPDX-License-Identifier: Apache-2.0

package asks

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// The user has two threads that send on one connection, which broke it:
// https://github.com/accelio/accelio/issues/92
func TestAccelio92_ManyGoroutinesSendOnOneConnection(t *testing.T) {
	leakCheck(t)
	const senders, each = 32, 60
	var oneWays atomic.Int64
	s := listen(t, xio.ListenConfig{OnMsg: func(m *xio.OneWay) { oneWays.Add(int64(m.Len())) }}, echo)
	c := dial(t, xio.Dialer{}, s.URI())
	var wg sync.WaitGroup
	var sent atomic.Int64
	for g := range senders {
		wg.Go(func() {
			for i := range each {
				data := pattern(1+(g*4099+i*911)%20_000, g*each+i)
				switch i % 3 {
				case 0:
					assert.NoError(t, askEcho(c, data))
				case 1:
					ended := make(chan error, 1)
					m := &xio.Message{Data: data, MaxResponse: len(data)}
					err := c.Send(context.Background(), m, func(r *xio.Response, err error) {
						if err == nil {
							assert.Equal(t, data, r.Data())
							r.Release()
						}
						ended <- err
					})
					if assert.NoError(t, err) {
						assert.NoError(t, <-ended)
					}
				case 2:
					if assert.NoError(t, c.SendMsg(context.Background(), &xio.Message{Data: data}, nil)) {
						sent.Add(int64(len(data)))
					}
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "all one-way messages", func() bool { return oneWays.Load() == sent.Load() })
}

// The user stops or wakes a loop from another thread, and sometimes it never notices:
// https://github.com/accelio/accelio/issues/209
func TestAccelio209_NoWakeUpIsLost(t *testing.T) {
	leakCheck(t)
	for _, how := range []xio.Drive{xio.DrivePark, xio.DriveAuto} {
		t.Run(how.String(), func(t *testing.T) {
			there := newContext(t, xio.ContextOptions{Drive: how})
			here := newContext(t, xio.ContextOptions{Drive: how})
			s := listen(t, xio.ListenConfig{Context: there}, echo)
			c := dial(t, xio.Dialer{Context: here}, s.URI())
			for range 250 { // one at a time: what is not noticed is waited for
				time.Sleep(rand.N(150 * time.Microsecond)) // awake, falling asleep, asleep
				require.NoError(t, askEcho(c, []byte("x")))
			}
			for i := range 50 { // and the end is never missed
				loop, err := xio.NewContext(xio.ContextOptions{Drive: how})
				require.NoError(t, err)
				ended := make(chan error, 1)
				time.Sleep(rand.N(50 * time.Microsecond))
				go func() { ended <- loop.Close() }()
				require.NoError(t, await(t, "the end of a loop", ended), i)
			}
		})
	}
}

// The user sends several requests before the loop runs, and only the last one goes:
// https://github.com/accelio/accelio/issues/78
func TestAccelio78_SeveralRequestsAllGo(t *testing.T) {
	leakCheck(t)
	const count = 300
	order := make(chan uint32, count)
	s := listen(t, xio.ListenConfig{Inline: true}, xio.HandlerFunc(func(r *xio.Request) {
		order <- binary.BigEndian.Uint32(r.Data())
		echo(r)
	}))
	ctx := newContext(t, xio.ContextOptions{Drive: xio.DriveManual})
	c := dial(t, xio.Dialer{Context: ctx, QueueDepth: count}, s.URI())
	answers := 0
	for i := range uint32(count) {
		data := binary.BigEndian.AppendUint32(nil, i)
		require.NoError(t, c.TrySend(&xio.Message{Data: data}, func(r *xio.Response, err error) {
			answers++
			if assert.NoError(t, err) {
				assert.Equal(t, i, binary.BigEndian.Uint32(r.Data()))
				r.Release()
			}
		}))
	}
	turnUntil(t, ctx, func() bool { return answers == count })
	for i := range uint32(count) {
		require.Equal(t, i, <-order)
	}
	require.Empty(t, order)
}

// turnUntil drives a Context until a condition holds.
func turnUntil(t *testing.T, ctx *xio.Context, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); {
		require.True(t, time.Now().Before(end), "the loop has nothing to do and is not done")
		did, err := ctx.Turn()
		require.NoError(t, err)
		if !did {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(ctx.PollFD()), Events: unix.POLLIN}}, 100)
		}
	}
}

// The user asks whether sending blocks, and whether the loop must run for it: it does
// not block, and it must: https://github.com/accelio/accelio/issues/50
func TestAccelio50_SendingDoesNotBlockAndNeedsTheLoop(t *testing.T) {
	leakCheck(t)
	var arrived atomic.Int64
	s := listen(t, xio.ListenConfig{}, xio.HandlerFunc(func(r *xio.Request) {
		arrived.Add(1)
		echo(r)
	}))
	ctx := newContext(t, xio.ContextOptions{Drive: xio.DriveManual})
	c := dial(t, xio.Dialer{Context: ctx}, s.URI())
	ended := false
	require.NoError(t, c.Send(testContext(t), &xio.Message{Data: []byte("x")}, func(r *xio.Response, err error) {
		ended = true
		if assert.NoError(t, err) {
			r.Release()
		}
	}))
	time.Sleep(10 * time.Millisecond)
	require.False(t, ended, "nobody has turned the loop")
	require.Zero(t, arrived.Load())
	turnUntil(t, ctx, func() bool { return ended })
	require.EqualValues(t, 1, arrived.Load())
}

// The user replicates an object to several servers with one context:
// https://github.com/accelio/accelio/issues/132
func TestAccelio132_OneContextServesSeveralConnections(t *testing.T) {
	leakCheck(t)
	ctx := newContext(t, xio.ContextOptions{})
	object := pattern(300_000, 1)
	const servers = 5
	ended := make(chan error, servers)
	for range servers {
		c := dial(t, xio.Dialer{Context: ctx}, listen(t, xio.ListenConfig{}, echo).URI())
		m := &xio.Message{Data: object, MaxResponse: len(object)}
		require.NoError(t, c.Send(testContext(t), m, func(r *xio.Response, err error) {
			if err == nil {
				assert.Equal(t, object, r.Data())
				r.Release()
			}
			ended <- err
		}))
	}
	for range servers {
		require.NoError(t, await(t, "an answer", ended))
	}
	require.Equal(t, servers, ctx.Stats().Connections)
}

// The user connects several times from several threads, on one context and within one
// session, and all but the first fail late and strangely:
// https://github.com/accelio/accelio/issues/175
func TestAccelio175_ManyConnectsAtOnce(t *testing.T) {
	leakCheck(t)
	s := listen(t, xio.ListenConfig{Portals: 2}, echo)
	ctx := newContext(t, xio.ContextOptions{})
	first := dial(t, xio.Dialer{}, s.URI())

	// A second connection of a session on its context cannot be, and says so at once.
	_, err := first.Session().Connect(testContext(t), &xio.Dialer{Context: newContextWith(t, first)})
	require.ErrorIs(t, err, xio.ErrState)

	var wg sync.WaitGroup
	use := func(connect func() (*xio.Connection, error)) {
		wg.Go(func() {
			c, err := connect()
			if assert.NoError(t, err) {
				assert.NoError(t, askEcho(c, []byte("x")))
				assert.NoError(t, c.Close())
			}
		})
	}
	for range 8 {
		use(func() (*xio.Connection, error) {
			return (&xio.Dialer{Context: ctx}).Dial(testContext(t), s.URI())
		})
		use(func() (*xio.Connection, error) { return first.Session().Connect(testContext(t), nil) })
	}
	wg.Wait()
	require.NoError(t, askEcho(first, []byte("the first one still")))
}

// newContextWith is a context that has a connection of c's session already.
func newContextWith(t *testing.T, c *xio.Connection) *xio.Context {
	t.Helper()
	ctx := newContext(t, xio.ContextOptions{})
	_, err := c.Session().Connect(testContext(t), &xio.Dialer{Context: ctx})
	require.NoError(t, err)
	return ctx
}

// The user asks which calls of a pool threads may share, and crashed it with ten of
// them: all may be. https://github.com/accelio/accelio/issues/26
func TestAccelio26_EveryCallOfAPoolFromManyGoroutines(t *testing.T) {
	p, err := pool.New(pool.Config{Limit: 8 << 20, Classes: pool.Sizes(256, 4096, 64<<10)})
	require.NoError(t, err)
	shared, err := p.NewCache(0)
	require.NoError(t, err)
	ctx := testContext(t)
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			own, err := p.NewCache(64 << 10)
			if !assert.NoError(t, err) {
				return
			}
			for i := range 100 {
				n := 1 + (g*997+i*61)%(64<<10)
				for _, src := range []pool.Source{p, shared, own} {
					b, err := src.Get(ctx, n)
					if !assert.NoError(t, err) {
						return
					}
					b.Bytes()[n-1] = byte(g)
					b.Retain()
					b.Release()
					assert.Equal(t, byte(g), b.Bytes()[n-1])
					b.Release()
					if b, err := src.TryGet(n); err == nil {
						b.Release()
					}
				}
				if i%20 == 0 {
					list, err := pool.GetList(ctx, p, pool.Even(n, 3)...)
					if assert.NoError(t, err) {
						list.Release()
					}
					assert.LessOrEqual(t, p.Stats().Held, int64(8<<20))
					p.Trim(0)
					p.Placement()
					other, err := pool.New(pool.Config{}) // the library's own tables
					if assert.NoError(t, err) {
						assert.NoError(t, other.Close())
					}
				}
			}
			assert.NoError(t, own.Close())
		})
	}
	wg.Wait()
	require.NoError(t, p.Close())
	require.Zero(t, p.Stats().Held)
}

// The user's check of which thread destroys a connection read memory that was freed:
// https://github.com/accelio/accelio/pull/127 (run with -race or -asan to notice)
func TestAccelio127_ConnectionsCanBeAskedAndClosedByAnybody(t *testing.T) {
	leakCheck(t)
	s := listen(t, xio.ListenConfig{}, echo)
	for range 10 {
		c := dial(t, xio.Dialer{}, s.URI())
		require.NoError(t, askEcho(c, []byte("x")))
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				if g%2 == 0 {
					assert.NoError(t, c.Close())
				}
				for range 20 {
					_ = askEcho(c, []byte("y")) // ends, one way or the other
					c.Stats()
					c.State()
					c.RemoteAddr()
					c.Session().Connections()
					s.Connections()
				}
			})
		}
		wg.Wait()
		require.ErrorIs(t, askEcho(c, []byte("z")), xio.ErrClosed)
	}
}
