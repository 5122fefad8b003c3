package xio

import "sync"

// keepWorkers is how many idle workers wait for the next request.
const keepWorkers = 8

// dispatcher runs a handler on requests: on the driver, or on a bounded number
// of goroutines. A request that finds all of them busy waits in a queue, whose
// length the connections' MaxPending bounds.
type dispatcher struct {
	handler Handler
	inline  bool
	max     int

	mu         sync.Mutex
	work       sync.Cond
	head, tail *Request
	workers    int
	idle       int
	closed     bool
}

func newDispatcher(h Handler, inline bool, workers int) *dispatcher {
	if h == nil {
		return nil
	}
	if workers <= 0 {
		workers = 256
	}
	d := &dispatcher{handler: h, inline: inline, max: workers}
	d.work.L = &d.mu
	return d
}

// dispatch takes a request over. Driver only.
func (d *dispatcher) dispatch(r *Request) {
	if d.inline {
		r.serve(d.handler)
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
		d.mu.Unlock()
		r.serve(d.handler)
		d.mu.Lock()
	}
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
