package xio

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var quietLog = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestHandlerThatFailsEndsOnlyItsRequest(t *testing.T) {
	for _, inline := range []bool{false, true} {
		name := map[bool]string{false: "workers", true: "inline"}[inline]
		t.Run(name, func(t *testing.T) {
			leakCheck(t)
			s := listen(t, ListenConfig{Inline: inline, Logger: quietLog}, HandlerFunc(func(r *Request) {
				switch string(r.Data()) {
				case "panic":
					panic("on purpose")
				case "panic after reply":
					echo(r)
					panic("on purpose")
				case "silent":
				case "error":
					r.ReplyError(ErrRoute, "no way")
				case "long text":
					r.ReplyError(ErrRoute, string(bytes.Repeat([]byte("x"), 1000)))
				case "code 0":
					r.ReplyError(0, "")
				default:
					echo(r)
				}
			}))
			c := dial(t, Dialer{}, s)
			for range 3 {
				for _, tc := range []struct {
					data string
					code Code
					text string
				}{
					{"panic", ErrUnsuccessful, "the handler panicked"},
					{"silent", ErrUnsuccessful, "the handler returned without an answer"},
					{"error", ErrRoute, "no way"},
					{"long text", ErrRoute, string(bytes.Repeat([]byte("x"), 244))},
					{"code 0", ErrUnsuccessful, ""},
				} {
					_, err := c.Call(testContext(t), &Message{Data: []byte(tc.data)})
					require.ErrorIs(t, err, tc.code, tc.data)
					var e *Error
					require.ErrorAs(t, err, &e)
					assert.True(t, e.Remote)
					assert.Equal(t, tc.text, e.Text)
				}
				for _, data := range []string{"panic after reply", "fine"} {
					rsp, err := c.Call(testContext(t), &Message{Data: []byte(data)})
					require.NoError(t, err)
					assert.Equal(t, data, string(rsp.Data()))
					rsp.Release()
				}
			}
		})
	}
}

func TestPanicIsLogged(t *testing.T) {
	var out bytes.Buffer
	s := listen(t, ListenConfig{Logger: slog.New(slog.NewTextHandler(&out, nil)), Inline: true},
		HandlerFunc(func(*Request) { panic("this one") }))
	c := dial(t, Dialer{}, s)
	_, err := c.Call(testContext(t), &Message{})
	require.Error(t, err)
	require.NoError(t, s.Close())
	assert.Contains(t, out.String(), "this one")
}

func TestReplyThatCannotBeSentLeavesTheRequestOpen(t *testing.T) {
	_, c := pair(t, HandlerFunc(func(r *Request) {
		err := r.Reply(&Message{Header: make([]byte, MaxHeader+1)})
		if !errors.Is(err, ErrMsgSize) {
			t.Error(err)
		}
		r.Reply(&Message{Data: r.Data()})
	}))
	rsp, err := c.Call(testContext(t), &Message{Data: []byte("x")})
	require.NoError(t, err)
	assert.Equal(t, "x", string(rsp.Data()))
	rsp.Release()
}

func TestDetach(t *testing.T) {
	leakCheck(t)
	later := make(chan *Request, 100)
	s := listen(t, ListenConfig{Workers: 1}, HandlerFunc(func(r *Request) {
		r.Detach()
		later <- r
	}))
	c := dial(t, Dialer{}, s)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			data := pattern(100+i*100, byte(i))
			rsp, err := c.Call(testContext(t), &Message{Data: data})
			if assert.NoError(t, err) {
				assert.True(t, bytes.Equal(data, rsp.Data()))
				rsp.Release()
			}
		})
	}
	var held []*Request
	for range 100 {
		held = append(held, <-later)
	}
	for i := len(held) - 1; i >= 0; i-- { // last come, first served
		echo(held[i])
	}
	wg.Wait()
}

func TestWorkersAreBounded(t *testing.T) {
	leakCheck(t)
	var now, most atomic.Int32
	step := make(chan struct{})
	s := listen(t, ListenConfig{Workers: 3}, HandlerFunc(func(r *Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-step
		now.Add(-1)
		echo(r)
	}))
	c := dial(t, Dialer{}, s)
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			rsp, err := c.Call(testContext(t), &Message{})
			if assert.NoError(t, err) {
				rsp.Release()
			}
		})
	}
	eventually(t, "three at work", func() bool { return now.Load() == 3 })
	for range 30 {
		step <- struct{}{}
	}
	wg.Wait()
	assert.EqualValues(t, 3, most.Load())
}

func TestMaxPending(t *testing.T) {
	leakCheck(t)
	g := newGate()
	s := listen(t, ListenConfig{MaxPending: 5}, g)
	c := dial(t, Dialer{}, s)
	results := make(chan error, 20)
	for range 20 {
		require.NoError(t, c.Send(testContext(t), &Message{}, func(r *Response, err error) {
			if r != nil {
				r.Release()
			}
			results <- err
		}))
	}
	for range 15 {
		err := <-results
		require.ErrorIs(t, err, ErrTxQueueOverflow)
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.True(t, e.Remote)
	}
	close(g.open)
	for range 5 {
		require.NoError(t, <-results)
	}
}

func TestRequestsFromTheServer(t *testing.T) {
	leakCheck(t)
	conns := make(chan *Connection, 1)
	s := listen(t, ListenConfig{OnConnect: func(c *Connection) { conns <- c }}, echo)
	c := dial(t, Dialer{Handler: HandlerFunc(func(r *Request) {
		r.Reply(&Message{Header: []byte("from the client"), Data: r.Data()})
	})}, s)
	back := <-conns
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			data := pattern(i*1000, byte(i))
			rsp, err := back.Call(testContext(t), &Message{Data: data})
			if assert.NoError(t, err) {
				assert.Equal(t, "from the client", string(rsp.Header()))
				assert.True(t, bytes.Equal(data, rsp.Data()))
				rsp.Release()
			}
		})
		wg.Go(func() {
			rsp, err := c.Call(testContext(t), &Message{Data: []byte("x")})
			if assert.NoError(t, err) {
				rsp.Release()
			}
		})
	}
	wg.Wait()
}

func TestRequestToAClientWithoutHandler(t *testing.T) {
	conns := make(chan *Connection, 1)
	s := listen(t, ListenConfig{OnConnect: func(c *Connection) { conns <- c }}, echo)
	dial(t, Dialer{}, s)
	_, err := (<-conns).Call(testContext(t), &Message{})
	require.ErrorIs(t, err, ErrNotSupported)
}

func TestRequestInformation(t *testing.T) {
	type info struct {
		max     int
		remote  string
		uri     string
		segment int
	}
	got := make(chan info, 1)
	_, c := pair(t, HandlerFunc(func(r *Request) {
		got <- info{r.MaxResponse(), r.Conn().RemoteAddr().String(), r.Conn().URI(), len(r.Segments())}
		echo(r)
	}))
	for _, tc := range []struct{ max, want int }{{1, 8863}, {0, 65536}, {12345, 12345}} {
		rsp, err := c.Call(testContext(t), &Message{Data: []byte("x"), MaxResponse: tc.max})
		require.NoError(t, err)
		rsp.Release()
		i := <-got
		assert.Equal(t, tc.want, i.max)
		assert.Equal(t, c.LocalAddr().String(), i.remote)
		assert.Equal(t, c.URI(), i.uri)
		assert.Equal(t, 1, i.segment)
	}
}
