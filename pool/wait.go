package pool

// waiter is a Get that waits for room.
type waiter struct {
	class, n   int
	prev, next *waiter
	queued     bool
	buf        *Buffer
	err        error
	done       chan struct{}
}

// waitList is a queue, first come first served.
type waitList struct {
	head, tail *waiter
	n          int
}

func (l *waitList) empty() bool    { return l.head == nil }
func (l *waitList) first() *waiter { return l.head }

func (l *waitList) push(w *waiter) {
	w.queued = true
	w.prev = l.tail
	if l.tail != nil {
		l.tail.next = w
	} else {
		l.head = w
	}
	l.tail = w
	l.n++
}

// remove reports whether w was still queued.
func (l *waitList) remove(w *waiter) bool {
	if !w.queued {
		return false
	}
	w.queued = false
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
	return true
}
