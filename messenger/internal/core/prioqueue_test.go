// SPDX-License-Identifier: Apache-2.0

package core

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func drainQueue(q *prioQueue[string, int]) []int {
	var out []int
	for q.len() > 0 {
		out = append(out, q.pop())
	}
	return out
}

func TestPrioQueueStrict(t *testing.T) {
	var q prioQueue[string, int]
	q.push(127, "a", 1, 0)
	q.push(127, "a", 2, 0)
	q.push(127, "a", 3, 0)
	q.push(127, "b", 4, 0)
	q.push(255, "b", 5, 0)
	q.push(64, "a", 6, 0)
	q.push(196, "c", 7, 0)
	// The highest first; within one priority connections take turns.
	require.Equal(t, []int{5, 7, 1, 4, 2, 3, 6}, drainQueue(&q))
}

func TestPrioQueueFairToTwoFloods(t *testing.T) {
	var q prioQueue[string, int]
	for i := range 100 {
		q.push(127, "a", i, 0)
	}
	for i := range 100 {
		q.push(127, "b", 1000+i, 0)
	}
	out := drainQueue(&q)
	for i := range 100 {
		require.Equal(t, i, out[2*i])
		require.Equal(t, 1000+i, out[2*i+1])
	}
}

func TestPrioQueueWeighted(t *testing.T) {
	var q prioQueue[string, int]
	for range 300 {
		q.push(40, "a", 40, 1<<20)
		q.push(20, "a", 20, 1<<20)
	}
	q.push(64, "a", 64, 0)
	require.Equal(t, 64, q.pop(), "the strict class goes first")
	n := map[int]int{}
	for range 150 {
		n[q.pop()]++
	}
	require.InDelta(t, 100, n[40], 5, "twice the weight, twice as often")
	require.InDelta(t, 50, n[20], 5)
	require.Len(t, drainQueue(&q), 450)
	require.Zero(t, q.total)
}

func TestPrioQueueDiscard(t *testing.T) {
	var q prioQueue[string, int]
	q.push(127, "a", 1, 0)
	q.push(127, "b", 2, 0)
	q.push(10, "a", 3, 0)
	q.push(127, "a", 4, 0)
	q.push(255, "a", 5, 0)
	require.ElementsMatch(t, []int{1, 3, 4, 5}, q.discard("a"))
	require.Empty(t, q.discard("a"))
	require.Equal(t, 1, q.len())
	require.Equal(t, []int{2}, drainQueue(&q))
}

func TestFIFOReusesItsMemory(t *testing.T) {
	var f fifo[int]
	next := 0
	for i := range 10000 {
		f.push(i)
		if i%3 != 0 {
			require.Equal(t, next, f.pop())
			next++
		}
	}
	require.Less(t, cap(f.items), 16000)
	for f.len() > 0 {
		require.Equal(t, next, f.pop())
		next++
	}
	require.Equal(t, 10000, next)
}
