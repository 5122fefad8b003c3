package xio

import "sync"

// keepWorkers is how many idle workers wait for the next request.
const keepWorkers = 8

// dispatcher runs handlers on messages: on the driver, or on a bounded number of
// goroutines. A message that finds all of them busy waits in a queue, whose
// length the connections' MaxPending and the library bound.
type dispatcher struct {
	handler Handler
	onMsg   func(*OneWay)
	inline  bool
	max     int

	mu         sync.Mutex
	work       sync.Cond
	head, tail *Request
	workers    int
	idle       int
	queued     int // messages that wait for a worker
	serving    int // workers with one
	closed     bool
}

func newDispatcher(h Handler, onMsg func(*OneWay), inline bool, workers int) *dispatcher {
	if h == nil && onMsg == nil {
		return nil
	}
	if workers <= 0 {
		workers = 256
	}
	d := &dispatcher{handler: h, onMsg: onMsg, inline: inline, max: workers}
	d.work.L = &d.mu
	return d
}

// dispatch takes a message over. Driver only.
func (d *dispatcher) dispatch(r *Request) {
	if d.inline {
		r.serve(d)
		return
	}
	d.mu.Lock()
	r.next = nil
	if d.tail != nil {
		d.tail.next = r
	} else {
		d.head = r
	}
	d.tail = r
	d.queued++
	switch {
	case d.idle > 0:
		d.idle--
		d.work.Signal()
	case d.workers < d.max:
		d.workers++
		go d.run()
	}
	d.mu.Unlock()
	r.conn.ctx.woke = true
}

// run is a worker.
func (d *dispatcher) run() {
	d.mu.Lock()
	for {
		for d.head == nil {
			if d.closed || d.idle >= keepWorkers {
				d.workers--
				d.mu.Unlock()
				return
			}
			d.idle++
			d.work.Wait()
		}
		r := d.head
		d.head = r.next
		if d.head == nil {
			d.tail = nil
		}
		r.next = nil
		d.queued--
		d.serving++
		d.mu.Unlock()
		r.serve(d)
		d.mu.Lock()
		d.serving--
	}
}

// recall takes a message back that no worker has taken yet. Driver only.
func (d *dispatcher) recall(r *Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	var last *Request
	for q := d.head; q != nil; last, q = q, q.next {
		if q != r {
			continue
		}
		if last == nil {
			d.head = q.next
		} else {
			last.next = q.next
		}
		if d.tail == q {
			d.tail = last
		}
		q.next = nil
		d.queued--
		return true
	}
	return false
}

// load is how many messages have a worker, and how many wait for one.
func (d *dispatcher) load() (serving, queued int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.serving, d.queued
}

// close lets the workers go once the queue is empty. Any goroutine.
func (d *dispatcher) close() {
	if d == nil {
		return
	}
	d.mu.Lock()
	d.closed = true
	d.idle = 0
	d.work.Broadcast()
	d.mu.Unlock()
}
