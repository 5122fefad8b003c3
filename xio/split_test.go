package xio

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio/cgo"
)

// When all answers have come at once half of them are handled in a turn, and what
// they lead to is sent before the other half is; each ends once.
func TestHalfOfEverythingAtATime(t *testing.T) {
	if !cgo.Kin() {
		t.Skip("an installed libxio does not read all of them at once")
	}
	leakCheck(t)
	const depth = 2 * splitLeast
	var served atomic.Int64
	s := listen(t, ListenConfig{Inline: true}, HandlerFunc(func(r *Request) {
		served.Add(1)
		_ = r.Reply(&Message{Data: r.Data()})
	}))
	ctx := newContext(t, ContextOptions{Drive: DriveManual})
	c := dial(t, Dialer{Context: ctx, QueueDepth: depth}, s)

	turn := func() {
		_, err := ctx.Turn()
		require.NoError(t, err)
	}
	halves := 0
	for round := int64(1); halves == 0; round++ {
		require.Less(t, round, int64(1000), "the answers never came at once")
		ended := make([]int, depth)
		n := 0
		for i := range depth {
			require.NoError(t, c.TrySend(&Message{Data: []byte{byte(i)}}, func(rsp *Response, err error) {
				if assert.NoError(t, err) {
					assert.Equal(t, []byte{byte(i)}, rsp.Data())
					rsp.Release()
				}
				ended[i]++
				n++
			}))
		}
		turn()
		eventually(t, "all are answered", func() bool { return served.Load() == round*depth })
		time.Sleep(time.Millisecond) // the answers are on their way
		before := n
		turn()
		if before == 0 && n == depth/2 {
			halves++
		}
		for n < depth {
			turn()
		}
		for i, times := range ended {
			require.Equal(t, 1, times, "message %d", i)
		}
	}
}

// Where handlers take long, the answers of the first go out before the last have run.
func TestSlowHandlersAnswerInParts(t *testing.T) {
	leakCheck(t)
	const depth = 4 * splitLook
	ctx := newContext(t, ContextOptions{Drive: DriveManual})
	served := 0
	s := listen(t, ListenConfig{Context: ctx, Inline: true}, HandlerFunc(func(r *Request) {
		for end := clock() + splitNS/splitLook; clock() < end; {
		}
		served++
		_ = r.Reply(&Message{})
	}))
	stop, turned := make(chan struct{}), make(chan int, 1)
	go func() { // its driver
		most := 0
		for {
			select {
			case <-stop:
				turned <- most
				return
			default:
			}
			before := served
			_, err := ctx.Turn()
			assert.NoError(t, err)
			most = max(most, served-before)
		}
	}()
	c := dial(t, Dialer{QueueDepth: depth}, s)
	ended := make(chan error, depth)
	for range depth {
		require.NoError(t, c.TrySend(&Message{}, func(rsp *Response, err error) {
			if err == nil {
				rsp.Release()
			}
			ended <- err
		}))
	}
	for range depth {
		require.NoError(t, <-ended)
	}
	c.Close()
	close(stop)
	require.LessOrEqual(t, <-turned, splitLook)
	require.Equal(t, depth, served)
}
