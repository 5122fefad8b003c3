// SPDX-License-Identifier: Apache-2.0

package core

import (
	"math/bits"

	"github.com/accelio/accelio-go/messenger"
)

// Costs of the weighted class, in bytes.
//
// Implements: ms_pq_max_tokens_per_priority, ms_pq_min_cost
const (
	pqMaxTokens = 16777216
	pqMinCost   = 65536
)

// prioQueue orders items by priority: from PriorityLow on strictly, below by weight.
// Within a priority the connections take turns, and within a connection it is first
// in, first out. The caller locks.
type prioQueue[K comparable, T any] struct {
	strict   [messenger.PriorityHighest + 1]*turns[K, T]
	weighted [messenger.PriorityLow]*turns[K, T]
	used     [4]uint64 // a bit for each priority that has items
	total    int64     // sum of the weights in use
	n        int
}

// turns is the items of one priority.
type turns[K comparable, T any] struct {
	queues map[K]*fifo[costed[T]]
	order  []K // whose turn it is, next first
	tokens int64
	n      int
}

type costed[T any] struct {
	v    T
	cost int64
}

// fifo is a plain queue that uses its memory again.
type fifo[T any] struct {
	items []T
	head  int
}

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) push(v T) { f.items = append(f.items, v) }

func (f *fifo[T]) pop() T {
	var zero T
	v := f.items[f.head]
	f.items[f.head] = zero
	if f.head++; f.head == len(f.items) {
		f.items, f.head = f.items[:0], 0
	} else if f.head >= 64 && 2*f.head >= len(f.items) {
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	return v
}

func (q *prioQueue[K, T]) len() int { return q.n }

func (q *prioQueue[K, T]) at(prio int) **turns[K, T] {
	if prio < messenger.PriorityLow {
		return &q.weighted[prio]
	}
	return &q.strict[prio]
}

// push adds an item of a connection. cost is in bytes.
func (q *prioQueue[K, T]) push(prio int, key K, v T, cost int64) {
	prio = min(max(prio, 0), messenger.PriorityHighest)
	p := q.at(prio)
	t := *p
	if t == nil {
		t = &turns[K, T]{queues: make(map[K]*fifo[costed[T]])}
		*p = t
	}
	if t.n == 0 {
		q.used[prio/64] |= 1 << (prio % 64)
		if prio < messenger.PriorityLow {
			q.total += int64(prio)
		}
	}
	f := t.queues[key]
	if f == nil {
		f = new(fifo[costed[T]])
		t.queues[key] = f
		t.order = append(t.order, key)
	}
	f.push(costed[T]{v, max(cost, pqMinCost)})
	t.n++
	q.n++
}

// pop takes the next item; there must be one.
func (q *prioQueue[K, T]) pop() T {
	for w := len(q.used) - 1; w > 0; w-- {
		if q.used[w] != 0 {
			return q.take(w*64 + bits.Len64(q.used[w]) - 1).v
		}
	}
	// Weighted: the highest that can pay, or else the highest.
	highest := bits.Len64(q.used[0]) - 1
	for set := q.used[0]; set != 0; {
		prio := bits.Len64(set) - 1
		set &^= 1 << prio
		t := q.weighted[prio]
		if cost := t.next().cost; cost <= t.tokens {
			t.tokens -= cost
			c := q.take(prio)
			q.distribute(c.cost)
			return c.v
		}
	}
	c := q.take(highest)
	q.distribute(c.cost)
	return c.v
}

func (t *turns[K, T]) next() costed[T] {
	f := t.queues[t.order[0]]
	return f.items[f.head]
}

// take takes the next item of a priority.
func (q *prioQueue[K, T]) take(prio int) costed[T] {
	t := *q.at(prio)
	key := t.order[0]
	f := t.queues[key]
	c := f.pop()
	t.order = append(t.order[:0], t.order[1:]...)
	if f.len() > 0 {
		t.order = append(t.order, key)
	} else {
		delete(t.queues, key)
	}
	q.took(prio, t, 1)
	return c
}

func (q *prioQueue[K, T]) took(prio int, t *turns[K, T], n int) {
	t.n -= n
	q.n -= n
	if t.n == 0 {
		q.used[prio/64] &^= 1 << (prio % 64)
		if prio < messenger.PriorityLow {
			q.total -= int64(prio)
			t.tokens = 0
		}
	}
}

// distribute gives what was dequeued to the weighted priorities, by weight.
func (q *prioQueue[K, T]) distribute(cost int64) {
	if q.total == 0 {
		return
	}
	for set := q.used[0]; set != 0; {
		prio := bits.Len64(set) - 1
		set &^= 1 << prio
		t := q.weighted[prio]
		t.tokens = min(t.tokens+(int64(prio)*cost+q.total-1)/q.total, pqMaxTokens)
	}
}

// discard takes out everything of a connection.
func (q *prioQueue[K, T]) discard(key K) []T {
	var out []T
	for prio := range q.strict {
		t := *q.at(prio)
		if t == nil || t.queues[key] == nil {
			continue
		}
		f := t.queues[key]
		n := f.len()
		for f.len() > 0 {
			out = append(out, f.pop().v)
		}
		delete(t.queues, key)
		for i, k := range t.order {
			if k == key {
				t.order = append(t.order[:i], t.order[i+1:]...)
				break
			}
		}
		q.took(prio, t, n)
	}
	return out
}
