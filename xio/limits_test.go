package xio

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A peer that sends more than the receiver will hold costs itself its own
// connection, and nobody else anything.
func TestReceiveLimit(t *testing.T) {
	leakCheck(t)
	home, err := NewContext(ContextOptions{MaxReceive: 1 << 20, KeepReceive: -1})
	require.NoError(t, err)
	defer home.Close()
	s := listen(t, ListenConfig{Context: home}, echo)
	bystander := dial(t, Dialer{}, s)
	for range 3 {
		c := dial(t, Dialer{}, s)
		rsp, err := c.Call(testContext(t), &Message{Data: pattern(1<<20, 1)})
		require.NoError(t, err, "at the limit")
		rsp.Release()
		_, err = c.Call(testContext(t), &Message{Data: pattern(4<<20, 2)})
		var e *Error
		require.ErrorAs(t, err, &e, "above it")
		assert.False(t, e.Timeout())
		eventually(t, "the end of its connection", func() bool { return c.Err() != nil })

		rsp, err = bystander.Call(testContext(t), &Message{Data: pattern(100000, 3)})
		require.NoError(t, err)
		assert.True(t, bytes.Equal(pattern(100000, 3), rsp.Data()))
		rsp.Release()
	}
	eventually(t, "all receive memory given back", func() bool {
		var n uint64
		home.do(func() { n = home.cg.ReceiveBytes() })
		return n == 0
	})
}

// More requests at once than one turn takes, ending at once.
func TestManyEventsInOneTurn(t *testing.T) {
	leakCheck(t)
	depth := maxDepth
	if library == withFlowControl {
		depth = queueMessages
	}
	g := newGate()
	s := listen(t, ListenConfig{Workers: 1, MaxPending: depth}, g)
	c := dial(t, Dialer{QueueDepth: depth}, s)
	results := make(chan error, depth)
	for range depth {
		require.NoError(t, c.Send(testContext(t), &Message{Data: []byte("x")}, func(r *Response, err error) {
			results <- err
		}))
	}
	eventually(t, "everything sent", func() bool { return c.Stats().Sent == uint64(depth) })
	require.NoError(t, c.Close())
	for range depth {
		require.ErrorIs(t, <-results, ErrMsgFlushed)
	}
	assert.Empty(t, results, "each ended once")
	close(g.open)
}
