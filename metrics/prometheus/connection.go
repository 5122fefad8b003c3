// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/accelio/accelio-go/xio"
)

var (
	serverAccepted    = desc("xio_server_accepted_total", "Sessions let in.", "server")
	serverRejected    = desc("xio_server_rejected_total", "Sessions turned away.", "server")
	serverConnections = desc("xio_server_connections", "Present connections.", "server")
	serverPending     = desc("xio_server_pending", "Requests and one-way messages not yet answered or released.", "server")
	serverServing     = desc("xio_server_serving", "Of these, those that a handler works on; 0 with Inline.", "server")
	serverQueued      = desc("xio_server_queued", "Of these, those that wait because all workers are busy; 0 with Inline.", "server")
)

func collectServer(ch chan<- prometheus.Metric, name string, s xio.ServerStats) {
	counter(ch, serverAccepted, float64(s.Accepted), name)
	counter(ch, serverRejected, float64(s.Rejected), name)
	gauge(ch, serverConnections, float64(s.Connections), name)
	gauge(ch, serverPending, float64(s.Pending), name)
	gauge(ch, serverServing, float64(s.Serving), name)
	gauge(ch, serverQueued, float64(s.Queued), name)
}

var (
	connUp        = desc("xio_connection_up", "1 while the connection takes messages.", "connection")
	connSent      = desc("xio_connection_sent_total", "Requests and one-way messages handed to the library.", "connection")
	connFailed    = desc("xio_connection_failed_total", "Calls and sends that ended with an error.", "connection")
	connAbandoned = desc("xio_connection_abandoned_total", "Calls left by their context before the end.", "connection")
	connReceived  = desc("xio_connection_received_total", "Messages that arrived, beside responses.", "connection", "kind")
	connDropped   = desc("xio_connection_dropped_total", "One-way messages that nobody was there to get.", "connection")
	connBytes     = desc("xio_connection_bytes_total", "Headers and data.", "connection", "flow")
	connPending   = desc("xio_connection_pending", "Requests and one-way messages of the peer not yet answered or released.", "connection")
	connInFlight  = desc("xio_connection_in_flight", "Slots of the queue in use.", "connection")
	connWaiting   = desc("xio_connection_waiting", "Goroutines that wait for a slot.", "connection")
	connDepth     = desc("xio_connection_queue_depth", "Slots of the queue.", "connection")
)

func collectConnection(ch chan<- prometheus.Metric, name string, conn *xio.Connection) {
	up := 1.0
	select {
	case <-conn.Done():
		up = 0
	default:
	}
	s := conn.Stats()
	gauge(ch, connUp, up, name)
	counter(ch, connSent, float64(s.Sent), name)
	counter(ch, connFailed, float64(s.Failed), name)
	counter(ch, connAbandoned, float64(s.Abandoned), name)
	counter(ch, connReceived, float64(s.Received), name, kinds[request])
	counter(ch, connReceived, float64(s.OneWays), name, kinds[oneWay])
	counter(ch, connDropped, float64(s.Dropped), name)
	counter(ch, connBytes, float64(s.BytesOut), name, "out")
	counter(ch, connBytes, float64(s.BytesIn), name, "in")
	gauge(ch, connPending, float64(s.Pending), name)
	gauge(ch, connInFlight, float64(s.InFlight), name)
	gauge(ch, connWaiting, float64(s.Waiting), name)
	gauge(ch, connDepth, float64(s.Depth), name)
}
