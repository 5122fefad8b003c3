// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accelio/accelio-go/xio"
)

// contextReader reads the Stats of a Context, which wait for its driver, on a
// goroutine: never more than one, however many scrapes come while the driver
// is busy.
type contextReader struct {
	ctx *xio.Context

	mu      sync.Mutex
	pending *reading
}

// reading is Stats that are there when done is closed.
type reading struct {
	done  chan struct{}
	stats xio.ContextStats
}

// ask returns the reading under way, or begins one.
func (r *contextReader) ask() *reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending != nil {
		return r.pending
	}
	p := &reading{done: make(chan struct{})}
	r.pending = p
	go func() {
		p.stats = r.ctx.Stats()
		r.mu.Lock()
		r.pending = nil
		r.mu.Unlock()
		close(p.done)
	}()
	return p
}

// wait returns nil if ctx ends first.
func (p *reading) wait(ctx context.Context) *xio.ContextStats {
	select {
	case <-p.done:
		return &p.stats
	default:
	}
	select {
	case <-p.done:
		return &p.stats
	case <-ctx.Done():
		return nil
	}
}

var (
	contextUnresponsive = desc("xio_context_unresponsive", "1 if the driver did not answer in time, because a handler or completion keeps it.", "context")
	contextTurns        = desc("xio_context_turns_total", "Calls of the driver into the library.", "context")
	contextSubmissions  = desc("xio_context_submissions_total", "Messages, replies and releases handed to the library.", "context")
	contextEvents       = desc("xio_context_events_total", "Arrivals and ends that the library reported.", "context")
	contextWaits        = desc("xio_context_waits_total", "Waits of the driver in Go's netpoller.", "context")
	contextConnections  = desc("xio_context_connections", "Present connections.", "context")
	contextReceive      = desc("xio_context_receive_bytes", "Receive memory in use for large messages.", "context")
)

// collectContext emits what s says, or that the Context did not answer.
func collectContext(ch chan<- prometheus.Metric, name string, s *xio.ContextStats) {
	if s == nil {
		gauge(ch, contextUnresponsive, 1, name)
		return
	}
	gauge(ch, contextUnresponsive, 0, name)
	counter(ch, contextTurns, float64(s.Turns), name)
	counter(ch, contextSubmissions, float64(s.Submissions), name)
	counter(ch, contextEvents, float64(s.Events), name)
	counter(ch, contextWaits, float64(s.Parks), name)
	gauge(ch, contextConnections, float64(s.Connections), name)
	gauge(ch, contextReceive, float64(s.ReceiveBytes), name)
}
