// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// One call into C hands over all that was sent since the last one.
func TestOneTurnTakesAll(t *testing.T) {
	leakCheck(t)
	ctx := newContext(t, ContextOptions{Drive: DriveManual})
	c := dial(t, Dialer{Context: ctx}, listen(t, ListenConfig{}, echo))
	ask(t, c, "up")
	const count = 200
	ended := 0
	for range count {
		require.NoError(t, c.TrySend(&Message{Data: []byte("x")}, func(r *Response, err error) {
			require.NoError(t, err)
			r.Release()
			ended++
		}))
	}
	// The counters alone: Stats would turn.
	turns, submissions := ctx.counts.turns.Load(), ctx.counts.submissions.Load()
	_, err := ctx.Turn()
	require.NoError(t, err)
	assert.EqualValues(t, 1, ctx.counts.turns.Load()-turns)
	assert.EqualValues(t, count, ctx.counts.submissions.Load()-submissions)
	for ended < count {
		ctx.turnOrWait()
	}
}
