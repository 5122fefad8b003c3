package xio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCloseFromEitherSide(t *testing.T) {
	for _, tc := range []struct {
		name  string
		close func(s *Server, c *Connection)
	}{
		{"client", func(_ *Server, c *Connection) { c.Close() }},
		{"server", func(s *Server, _ *Connection) { s.Close() }},
		{"server's connection", func(s *Server, _ *Connection) {
			for _, c := range s.Connections() {
				c.Close()
			}
		}},
		{"session", func(_ *Server, c *Connection) { c.Session().Close() }},
		{"context", func(_ *Server, c *Connection) { c.ctx.Close() }},
		{"both", func(s *Server, c *Connection) {
			var wg sync.WaitGroup
			wg.Go(func() { c.Close() })
			wg.Go(func() { s.Close() })
			wg.Wait()
		}},
		{"everybody, twice", func(s *Server, c *Connection) {
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() { c.Close() })
				wg.Go(func() { s.Close() })
				wg.Go(func() { c.ctx.Close() })
				wg.Go(func() { s.lead.ctx.Close() })
			}
			wg.Wait()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			leakCheck(t)
			ended := make(chan error, 1)
			s := listen(t, ListenConfig{OnDisconnect: func(_ *Connection, err error) { ended <- err }}, echo)
			c := dial(t, Dialer{}, s)
			rsp, err := c.Call(testContext(t), &Message{Data: []byte("x")})
			require.NoError(t, err)
			rsp.Release()
			assert.Equal(t, StateUp, c.State())
			require.NoError(t, c.Err())

			tc.close(s, c)
			<-c.Done()
			require.Error(t, <-ended)
			require.Error(t, c.Err())
			_, err = c.Call(testContext(t), &Message{})
			require.Error(t, err)
			require.NoError(t, c.Close())
			assert.Equal(t, StateClosed, c.State())
			_, err = c.Call(testContext(t), &Message{})
			require.ErrorIs(t, err, ErrClosed)
			require.ErrorIs(t, err, net.ErrClosed)
			require.Error(t, c.Send(testContext(t), &Message{}, func(*Response, error) { t.Error("completed") }))
		})
	}
}

// Whoever closes, and whatever is going on: every call ends exactly once, with
// its own response or an error.
func TestCloseDuringCalls(t *testing.T) {
	for _, who := range []string{"client", "server", "both"} {
		t.Run(who, func(t *testing.T) {
			leakCheck(t)
			for round := range 5 {
				s := listen(t, ListenConfig{}, echo)
				c := dial(t, Dialer{QueueDepth: 16}, s)
				var answered atomic.Int64
				var wg sync.WaitGroup
				for g := range 32 {
					wg.Go(func() {
						for i := 0; ; i++ {
							data := pattern(100+(g*37+i*311)%20000, byte(g))
							rsp, err := c.Call(testContext(t), &Message{Data: data})
							if err != nil {
								var e *Error
								assert.ErrorAs(t, err, &e)
								assert.False(t, e.Timeout(), err)
								return
							}
							assert.True(t, bytes.Equal(data, rsp.Data()))
							rsp.Release()
							answered.Add(1)
						}
					})
				}
				eventually(t, "traffic", func() bool { return answered.Load() > int64(100*(round+1)) })
				if who != "server" {
					wg.Go(func() { c.Close() })
				}
				if who != "client" {
					wg.Go(func() { s.Close() })
				}
				wg.Wait()
			}
		})
	}
}

func TestCloseFlushesHeldRequests(t *testing.T) {
	for _, who := range []string{"client", "server"} {
		t.Run(who, func(t *testing.T) {
			leakCheck(t)
			g := newGate()
			replies := make(chan error, 8)
			s := listen(t, ListenConfig{}, HandlerFunc(func(r *Request) {
				g.arrived.Add(1)
				<-g.open
				data := append([]byte(nil), r.Data()...) // still there
				if string(data) != "held" {
					t.Errorf("memory of a held request changed: %q", data)
				}
				<-r.Context().Done()
				replies <- r.Reply(&Message{Data: data})
			}))
			c := dial(t, Dialer{}, s)
			results := make(chan error, 8)
			for range 8 {
				require.NoError(t, c.Send(testContext(t), &Message{Data: []byte("held")}, func(r *Response, err error) {
					results <- err
				}))
			}
			eventually(t, "arrival", func() bool { return g.arrived.Load() == 8 })
			if who == "client" {
				require.NoError(t, c.Close())
			} else {
				require.NoError(t, s.Close())
			}
			for range 8 {
				err := <-results
				require.ErrorIs(t, err, ErrMsgFlushed)
			}
			close(g.open) // the handlers find the requester gone
			for range 8 {
				require.ErrorIs(t, <-replies, ErrMsgDiscarded)
			}
		})
	}
}

func TestResponseOutlivesItsConnection(t *testing.T) {
	leakCheck(t)
	s, c := pair(t, nil)
	small, err := c.Call(testContext(t), &Message{Data: pattern(1000, 1)})
	require.NoError(t, err)
	large, err := c.Call(testContext(t), &Message{Data: pattern(500000, 2)})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, s.Close())
	assert.True(t, bytes.Equal(pattern(1000, 1), small.Data()))
	assert.True(t, bytes.Equal(pattern(500000, 2), large.Data()))
	small.Release()
	large.Release()
}

func TestCloseFromHandlerAndCompletion(t *testing.T) {
	leakCheck(t)
	s := listen(t, ListenConfig{}, HandlerFunc(func(r *Request) {
		r.Conn().Close()
		r.Reply(&Message{})
	}))
	c := dial(t, Dialer{}, s)
	_, err := c.Call(testContext(t), &Message{})
	require.Error(t, err)

	s2 := listen(t, ListenConfig{}, echo)
	c2 := dial(t, Dialer{}, s2)
	done := make(chan struct{})
	require.NoError(t, c2.Send(testContext(t), &Message{}, func(r *Response, err error) {
		if assert.NoError(t, err) {
			r.Release()
		}
		go c2.Close()
		close(done)
	}))
	<-done
	require.NoError(t, c2.Close())
}

// proxy passes TCP through between clients and target until it is told to cut.
type proxy struct {
	l     net.Listener
	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
	limit atomic.Int64 // bytes towards the target before the cut, if positive
	slice atomic.Int64 // bytes per write, if positive
}

func newProxy(t *testing.T, target net.Addr) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{l: l}
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d, err := net.Dial("tcp", target.String())
			if err != nil {
				c.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, c, d)
			p.mu.Unlock()
			p.wg.Go(func() { p.copy(d, c, true) })
			p.wg.Go(func() { p.copy(c, d, false) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) uri() string { return "tcp://" + p.l.Addr().String() }

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	p.conns = nil
}

func (p *proxy) copy(dst, src net.Conn, counted bool) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		if counted && p.limit.Load() > 0 && p.limit.Add(-int64(n)) <= 0 {
			dst.Write(buf[:n/2])
			p.cut()
			return
		}
		for b := buf[:n]; len(b) > 0; {
			m := len(b)
			if s := int(p.slice.Load()); s > 0 {
				m = min(m, s)
			}
			if _, err := dst.Write(b[:m]); err != nil {
				return
			}
			b = b[m:]
		}
	}
}

func TestPeerDiesInTheMiddleOfAMessage(t *testing.T) {
	needsSingleStream(t)
	leakCheck(t)
	s := listen(t, ListenConfig{}, echo)
	bystander := dial(t, Dialer{}, s)
	for _, size := range []int{5000, 300000, 8 << 20} {
		p := newProxy(t, s.Addr())
		c, err := Dial(testContext(t), p.uri())
		require.NoError(t, err)
		rsp, err := c.Call(testContext(t), &Message{Data: []byte("before")})
		require.NoError(t, err)
		rsp.Release()
		p.limit.Store(int64(size) * 3 / 2)
		var wg sync.WaitGroup
		var failed atomic.Int64
		for i := range 4 {
			wg.Go(func() {
				data := pattern(size, byte(i))
				rsp, err := c.Call(testContext(t), &Message{Data: data})
				if err != nil {
					assert.False(t, errors.Is(err, context.DeadlineExceeded), err)
					failed.Add(1)
					return
				}
				assert.True(t, bytes.Equal(data, rsp.Data()))
				rsp.Release()
			})
		}
		wg.Wait()
		assert.Positive(t, failed.Load())
		<-c.Done()
		require.Error(t, c.Err())
		require.NoError(t, c.Close())
		rsp, err = bystander.Call(testContext(t), &Message{Data: []byte("unharmed")})
		require.NoError(t, err)
		rsp.Release()
	}
	eventually(t, "only the bystander is left", func() bool { return len(s.Connections()) == 1 })
}

func TestBytesInSmallPieces(t *testing.T) {
	needsSingleStream(t)
	leakCheck(t)
	s := listen(t, ListenConfig{}, echo)
	for _, n := range []int64{1, 7, 100} {
		p := newProxy(t, s.Addr())
		p.slice.Store(n)
		c, err := Dial(testContext(t), p.uri())
		require.NoError(t, err)
		for _, size := range []int{0, 1, 3000, 9000} {
			data := pattern(size, byte(n))
			rsp, err := c.Call(testContext(t), &Message{Header: []byte("h"), Data: data})
			require.NoError(t, err)
			assert.True(t, bytes.Equal(data, rsp.Data()))
			rsp.Release()
		}
		require.NoError(t, c.Close())
	}
}

// A server that turns out to be another program in the middle of a session.
func TestPeerTurnsIntoGarbage(t *testing.T) {
	needsSingleStream(t)
	leakCheck(t)
	s := listen(t, ListenConfig{}, echo)
	var inject atomic.Bool
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				return
			}
			// No splice: its pipes are closed by the garbage collector.
			wg.Go(func() { io.Copy(struct{ io.Writer }{d}, c); d.Close() })
			wg.Go(func() {
				buf := make([]byte, 4096)
				for {
					n, err := d.Read(buf)
					if err != nil {
						break
					}
					if inject.Load() {
						c.Write([]byte(strings.Repeat("garbage ", n)))
						break
					}
					c.Write(buf[:n])
				}
				c.Close()
				d.Close()
			})
		}
	})
	c, err := Dial(testContext(t), "tcp://"+l.Addr().String())
	require.NoError(t, err)
	rsp, err := c.Call(testContext(t), &Message{Data: []byte("x")})
	require.NoError(t, err)
	rsp.Release()
	inject.Store(true)
	_, err = c.Call(testContext(t), &Message{Data: []byte("x")})
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.False(t, e.Timeout())
	require.NoError(t, c.Close())
	l.Close()
	wg.Wait()
}

func TestThousandRounds(t *testing.T) {
	needsClosedSockets(t)
	rounds := 1000
	if testing.Short() {
		rounds = 50
	}
	leakCheck(t)
	s := listen(t, ListenConfig{}, echo)
	home, err := NewContext(ContextOptions{})
	require.NoError(t, err)
	defer home.Close()
	for i := range rounds {
		d := Dialer{}
		if i%2 == 0 {
			d.Context = home
		}
		c, err := d.Dial(testContext(t), s.URI())
		require.NoError(t, err, i)
		data := pattern(i*20, byte(i))
		rsp, err := c.Call(testContext(t), &Message{Data: data})
		require.NoError(t, err, i)
		require.True(t, bytes.Equal(data, rsp.Data()))
		rsp.Release()
		require.NoError(t, c.Close(), i)
	}
	eventually(t, "server back to no connection", func() bool { return len(s.Connections()) == 0 })
	assert.EqualValues(t, rounds, s.Stats().Accepted)
	assert.Zero(t, home.Stats().Connections)
	// A session's last event may follow the end of its connection.
	eventually(t, "home back to no session", func() bool {
		none := false
		return home.do(func() { none = len(home.sessions) == 0 }) && none
	})
	assert.Zero(t, home.cg.ReceiveBytes())
}

func TestContextShared(t *testing.T) {
	leakCheck(t)
	home, err := NewContext(ContextOptions{})
	require.NoError(t, err)
	var conns []*Connection
	for range 3 {
		s, err := (&ListenConfig{Context: home}).Listen("tcp://127.0.0.1:0", echo)
		require.NoError(t, err)
		for range 3 {
			c, err := (&Dialer{Context: home}).Dial(testContext(t), s.URI())
			require.NoError(t, err)
			conns = append(conns, c)
		}
	}
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			for k := range 50 {
				data := pattern(k*100, byte(i))
				rsp, err := c.Call(testContext(t), &Message{Data: data})
				if !assert.NoError(t, err) {
					return
				}
				assert.True(t, bytes.Equal(data, rsp.Data()))
				rsp.Release()
			}
		})
	}
	wg.Wait()
	require.NoError(t, conns[0].Close())
	require.NoError(t, home.Close())
	for _, c := range conns {
		_, err := c.Call(testContext(t), &Message{})
		require.Error(t, err)
		require.NoError(t, c.Close())
	}
	_, err = (&Dialer{Context: home}).Dial(testContext(t), "tcp://127.0.0.1:1")
	require.ErrorIs(t, err, ErrClosed)
	_, err = (&ListenConfig{Context: home}).Listen("tcp://127.0.0.1:0", echo)
	require.ErrorIs(t, err, ErrClosed)
}

func TestServerCloseOnSharedContext(t *testing.T) {
	leakCheckFailedConnect(t)
	home, err := NewContext(ContextOptions{})
	require.NoError(t, err)
	defer home.Close()
	for range 20 {
		s, err := (&ListenConfig{Context: home}).Listen("tcp://127.0.0.1:0", echo)
		require.NoError(t, err)
		c, err := Dial(testContext(t), s.URI())
		require.NoError(t, err)
		require.NoError(t, s.Close())
		<-c.Done()
		require.NoError(t, c.Close())
		_, err = Dial(testContext(t), s.URI())
		require.Error(t, err)
	}
	var left int
	eventually(t, "nothing left", func() bool {
		home.do(func() { left = home.Stats().Connections + len(home.servers) })
		return left == 0
	})
}

func TestServeEndsWithItsContext(t *testing.T) {
	leakCheck(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- Serve(ctx, "tcp://127.0.0.1:0", echo) }()
	cancel()
	require.NoError(t, <-done)
	require.ErrorIs(t, Serve(ctx, "bad", echo), ErrAddr)
}
