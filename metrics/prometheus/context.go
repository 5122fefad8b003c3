// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/accelio/accelio-go/xio"
)

var (
	contextTurns       = desc("xio_context_turns_total", "Calls of the driver into the library.", "context")
	contextSubmissions = desc("xio_context_submissions_total", "Messages, replies and releases handed to the library.", "context")
	contextEvents      = desc("xio_context_events_total", "Arrivals and ends that the library reported.", "context")
	contextWaits       = desc("xio_context_waits_total", "Waits of the driver in Go's netpoller.", "context")
	contextParked      = desc("xio_context_parked", "1 while the driver waits; one that neither waits nor turns is kept by a handler or completion.", "context")
	contextConnections = desc("xio_context_connections", "Present connections.", "context")
	contextReceive     = desc("xio_context_receive_bytes", "Receive memory in use for large requests and one-way messages.", "context")
)

func collectContext(ch chan<- prometheus.Metric, name string, s xio.ContextStats) {
	parked := 0.0
	if s.Parked {
		parked = 1
	}
	counter(ch, contextTurns, float64(s.Turns), name)
	counter(ch, contextSubmissions, float64(s.Submissions), name)
	counter(ch, contextEvents, float64(s.Events), name)
	counter(ch, contextWaits, float64(s.Parks), name)
	gauge(ch, contextParked, parked, name)
	gauge(ch, contextConnections, float64(s.Connections), name)
	gauge(ch, contextReceive, float64(s.ReceiveBytes), name)
}
