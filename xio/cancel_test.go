package xio

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio/cgo"
)

// needsKin skips what only this project's engine does: an installed libxio's peers
// drop the connection for a cancel.
func needsKin(t *testing.T) {
	if !cgo.Kin() {
		t.Skip("not on an installed libxio")
	}
}

// A caller that leaves tells the peer, whose handler sees its context end.
func TestCancelReachesTheHandler(t *testing.T) {
	needsKin(t)
	leakCheck(t)
	causes := make(chan error, 1)
	begun := make(chan struct{}, 1)
	for _, answers := range []bool{false, true} {
		s := listen(t, ListenConfig{}, HandlerFunc(func(r *Request) {
			if string(r.Data()) == "quick" {
				echo(r)
				return
			}
			begun <- struct{}{}
			<-r.Context().Done()
			causes <- context.Cause(r.Context())
			if answers {
				echo(r)
			}
		}))
		c := dial(t, Dialer{QueueDepth: 2}, s)
		for range 20 {
			ctx, cancel := context.WithCancel(testContext(t))
			go func() {
				<-begun
				cancel()
			}()
			_, err := c.Call(ctx, &Message{Data: []byte("slow")})
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, ErrMsgCanceled)
			require.ErrorIs(t, <-causes, ErrMsgCanceled)
			ask(t, c, "quick")
		}
		eventually(t, "all places are free", func() bool { return c.Stats().InFlight == 0 })
		require.NoError(t, c.Close())
	}
}

// What no worker has begun is taken back: it is never served.
func TestCancelOfWhatWaits(t *testing.T) {
	needsKin(t)
	leakCheck(t)
	block := make(chan struct{})
	var served atomic.Int32
	s := listen(t, ListenConfig{Workers: 1}, HandlerFunc(func(r *Request) {
		served.Add(1)
		<-block
		echo(r)
	}))
	c := dial(t, Dialer{}, s)
	var wg sync.WaitGroup
	wg.Go(func() { ask(t, c, "first") })
	eventually(t, "the worker is busy", func() bool { return served.Load() == 1 })
	ctx, cancel := context.WithCancel(testContext(t))
	for range 10 {
		wg.Go(func() {
			_, err := c.Call(ctx, &Message{Data: []byte("waits")})
			assert.ErrorIs(t, err, context.Canceled)
		})
	}
	eventually(t, "they are there", func() bool { return s.Connections()[0].Stats().Received == 11 })
	cancel()
	eventually(t, "they are gone", func() bool { return c.Stats().InFlight == 1 })
	close(block)
	wg.Wait()
	ask(t, c, "next")
	assert.EqualValues(t, 2, served.Load())
}

// Cancels race with answers, and with the end of the connection.
func TestCancelRaces(t *testing.T) {
	leakCheck(t)
	s := listen(t, ListenConfig{Workers: 4}, HandlerFunc(func(r *Request) {
		select {
		case <-time.After(time.Duration(r.Len()) * 10 * time.Microsecond):
		case <-r.Context().Done():
		}
		echo(r)
	}))
	for range 3 {
		c := dial(t, Dialer{QueueDepth: 32}, s)
		var wg sync.WaitGroup
		for g := range 16 {
			wg.Go(func() {
				for i := range 100 {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+(g*7+i*13)%200)*5*time.Microsecond)
					rsp, err := c.Call(ctx, &Message{Data: make([]byte, (g*31+i*17)%100)})
					if err == nil {
						rsp.Release()
					}
					cancel()
				}
			})
		}
		time.AfterFunc(50*time.Millisecond, func() { c.Close() })
		wg.Wait()
		require.NoError(t, c.Close())
		eventually(t, "all places are free", func() bool { return c.Stats().InFlight == 0 })
	}
}

// The context of a request ends with its answer, and with its connection.
func TestRequestContext(t *testing.T) {
	leakCheck(t)
	got := make(chan *Request, 1)
	s := listen(t, ListenConfig{}, HandlerFunc(func(r *Request) { r.Detach(); got <- r }))
	c := dial(t, Dialer{}, s)
	done := make(chan error, 2)
	send := func() *Request {
		require.NoError(t, c.TrySend(&Message{Data: []byte("x")}, func(r *Response, err error) {
			if err == nil {
				r.Release()
			}
			done <- err
		}))
		return <-got
	}
	r := send()
	ctx := r.Context()
	require.NoError(t, ctx.Err())
	assert.Equal(t, ctx, r.Context())
	echo(r)
	<-ctx.Done()
	require.Equal(t, context.Canceled, context.Cause(ctx))
	require.NoError(t, <-done)

	r = send()
	ctx = r.Context()
	require.NoError(t, ctx.Err(), "another request")
	require.NoError(t, c.Close())
	<-ctx.Done()
	require.Error(t, context.Cause(ctx))
	require.Error(t, r.Reply(&Message{}))
	require.ErrorIs(t, <-done, ErrMsgFlushed)
}
