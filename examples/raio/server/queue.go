// SPDX-License-Identifier: Apache-2.0

package server

import "sync"

// queue runs functions that may block on a bounded number of goroutines, first
// come first served. Goroutines come with the work and go with it.
type queue struct {
	max int

	mu      sync.Mutex
	wait    []func()
	running int
	idle    sync.WaitGroup
}

// add never waits. How much there may be is up to who adds.
func (q *queue) add(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wait = append(q.wait, f)
	if q.running < q.max {
		q.running++
		q.idle.Go(q.work)
	}
}

func (q *queue) work() {
	for {
		q.mu.Lock()
		if len(q.wait) == 0 {
			q.wait = nil // and the memory of busier times with it
			q.running--
			q.mu.Unlock()
			return
		}
		f := q.wait[0]
		q.wait[0] = nil
		q.wait = q.wait[1:]
		q.mu.Unlock()
		f()
	}
}
