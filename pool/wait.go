package pool

import "time"

// waiter is a Get that waits for room.
type waiter struct {
	class, n   int
	home       *Cache
	began      time.Time
	prev, next *waiter
	served     bool // buf and err are set, done is closed
	buf        *Buffer
	err        error
	done       chan struct{}
}

// waitList is a queue, first come first served.
type waitList struct {
	head, tail *waiter
	n          int
	of         [MaxClasses]int // those who wait, by class
	classes    uint64          // the classes somebody waits for, as bits
}

func (l *waitList) empty() bool    { return l.head == nil }
func (l *waitList) first() *waiter { return l.head }

// blocks reports whether those who wait hold up a newcomer of class k; all says
// that they hold up every class.
func (l *waitList) blocks(k int, all bool) bool {
	return l.head != nil && (all || l.of[k] > 0)
}

func (l *waitList) push(w *waiter) {
	w.prev = l.tail
	if l.tail != nil {
		l.tail.next = w
	} else {
		l.head = w
	}
	l.tail = w
	l.n++
	l.of[w.class]++
	l.classes |= 1 << w.class
}

func (l *waitList) remove(w *waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		l.tail = w.prev
	}
	w.prev, w.next = nil, nil
	l.n--
	if l.of[w.class]--; l.of[w.class] == 0 {
		l.classes &^= 1 << w.class
	}
}

// leave takes w out of the queue. The pool is locked.
func (p *Pool) leave(w *waiter) {
	p.waiters.remove(w)
	p.counts.waited += time.Since(w.began)
}

// serve hands blocks to those who wait, in order. One for whom the limit leaves
// no room holds up all behind it; one whose class is at its maximum only those
// of the same class. The pool is locked.
func (p *Pool) serve() {
	p.stuck = false
	full := uint64(0)
	for w := p.waiters.first(); w != nil && full != p.waiters.classes; {
		next := w.next
		if full&(1<<w.class) == 0 {
			b, err := p.take(w.class, w.n, w.home)
			switch err {
			case ErrExhausted:
				p.stuck = true
				return
			case errClassFull:
				full |= 1 << w.class
			default:
				p.leave(w)
				w.buf, w.err, w.served = b, err, true
				close(w.done)
			}
		}
		w = next
	}
	if p.crowded.Load() && p.waiters.empty() && !p.closed {
		p.crowded.Store(false)
	}
}

// crowd makes caches give up what they keep, and keep nothing until nobody
// waits. The pool is locked.
func (p *Pool) crowd() {
	p.crowded.Store(true)
	p.recall()
}
