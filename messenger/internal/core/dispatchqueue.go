// SPDX-License-Identifier: Apache-2.0

package core

import (
	"sync"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// dispatchQueue holds what waits for the one dispatch goroutine: messages, and the
// session events among them, which nothing overtakes.
type dispatchQueue struct {
	m *Messenger

	mu       sync.Mutex
	work     sync.Cond
	items    prioQueue[*Conn, queued]
	arrivals fifo[*arrival] // of messages, oldest first, those that are gone included
	waiting  int            // messages among items
	closed   bool           // no messages any more
	stopped  bool           // and no events either
}

// queued is a message or an event.
type queued struct {
	msg   messenger.Message // nil: an event
	claim Claim
	when  *arrival
	kind  eventKind
	conn  messenger.Connection
}

// arrival is when one message came.
type arrival struct {
	at   time.Time
	gone bool
}

func newDispatchQueue(m *Messenger) *dispatchQueue {
	q := &dispatchQueue{m: m}
	q.work.L = &q.mu
	return q
}

func (q *dispatchQueue) pushMessage(from *Conn, msg messenger.Message, c Claim) {
	b := msg.Base()
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		drop(msg, c)
		return
	}
	w := &arrival{at: time.Now()}
	q.arrivals.push(w)
	q.waiting++
	q.items.push(b.Priority(), from, queued{msg: msg, claim: c, when: w}, int64(b.DataLen()))
	q.work.Signal()
	q.mu.Unlock()
}

// pushEvent queues a callback, as of no connection, so that no discard finds it.
func (q *dispatchQueue) pushEvent(kind eventKind, c messenger.Connection) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	q.items.push(messenger.PriorityHighest, nil, queued{kind: kind, conn: c}, 0)
	q.work.Signal()
}

// drop ends a message that nobody will see.
func drop(msg messenger.Message, c Claim) {
	c.dispatched()
	msg.Base().Release()
}

// discard drops the messages of a connection that wait.
func (q *dispatchQueue) discard(c *Conn) {
	q.mu.Lock()
	gone := q.items.discard(c)
	for _, it := range gone {
		q.left(it.when)
	}
	q.mu.Unlock()
	for _, it := range gone {
		drop(it.msg, it.claim)
	}
}

// left: a message waits no longer. Under mu.
func (q *dispatchQueue) left(w *arrival) {
	q.waiting--
	w.gone = true
	for q.arrivals.len() > 0 && q.arrivals.items[q.arrivals.head].gone {
		q.arrivals.pop()
	}
}

func (q *dispatchQueue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

func (q *dispatchQueue) maxAge() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.arrivals.len() == 0 {
		return 0
	}
	return time.Since(q.arrivals.items[q.arrivals.head].at)
}

// run is the dispatch goroutine.
func (q *dispatchQueue) run() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for q.items.len() == 0 {
			if q.stopped {
				return
			}
			q.work.Wait()
		}
		it := q.items.pop()
		if it.msg != nil {
			q.left(it.when)
		}
		closed := q.closed
		q.mu.Unlock()
		switch {
		case it.msg == nil:
			q.m.event(it.kind, it.conn)
		case closed:
			drop(it.msg, it.claim)
		default:
			q.m.dispatch(it.msg, it.claim)
		}
		q.mu.Lock()
	}
}

// close lets no message be dispatched any more; events still are.
func (q *dispatchQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// stop ends run once the queue is empty.
func (q *dispatchQueue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.stopped = true, true
	q.work.Broadcast()
}
