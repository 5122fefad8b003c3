// SPDX-License-Identifier: Apache-2.0

// Package xioprometheus shows Prometheus what package xio and package pool do. It
// is a module of its own, so that programs without Prometheus need not have it.
//
// # Messages
//
// An [Observer] counts the messages of the connections it is handed to, and is a
// collector to register:
//
//	observer := xioprometheus.NewObserver(xioprometheus.Options{NativeFactor: 1.1})
//	prometheus.MustRegister(observer)
//	…
//	d := xio.Dialer{Observer: observer}
//	l := xio.ListenConfig{Observer: observer}
//
// Its metrics, each with the labels direction ("sent", "served": who asked) and
// kind ("request", "oneway"):
//
//	metric                         more labels
//	xio_messages_total             code: how the message ended
//	xio_message_duration_seconds   result: "ok", "error"
//	xio_message_size_bytes         flow: "out", "in"
//
// The last two are histograms: classic ones with the buckets of [Options], and
// native ones too if they are asked for. Sizes are of header and data.
//
// Codes are the names of libxio's status codes without XIO_E_ ("MSG_FLUSHED"),
// those of errno values ("ENOENT"), and OK, CLOSED for [xio.ErrClosed], and OTHER
// for errors without a code of these. No text that a peer sends becomes a
// label, and no other value either.
//
// # State
//
// A [Collector] reads the Stats of Contexts, Servers, Connections and Pools when
// Prometheus asks, and costs nothing in between:
//
//	var state xioprometheus.Collector
//	prometheus.MustRegister(&state)
//	…
//	state.SetServer("front", srv)
//	state.SetPool("default", pool.Default())
//
// Names become the label "context", "server", "connection" or "pool" of metrics
// that begin with xio_context_, xio_server_, xio_connection_ and xio_pool_. What
// goes away, or comes again under the name, is set again; what a name stands for
// is kept in memory until then.
//
// A scrape waits for no driver and no handler, and wakes none. A driver that a
// handler or completion keeps shows by xio_context_parked 0 while
// xio_context_turns_total stays where it is.
//
// # Dashboard
//
// The file dashboard.json beside this package is a dashboard for Grafana: rates,
// failures, latency percentiles, queues, pools and drivers.
//
// # Labels of your own
//
// Both types have the names above and no constant labels. Register them through
// [prometheus.WrapRegistererWith] to add some; that also lets several Observers
// be registered side by side, for example one for each service.
//
// # Caveats
//
// A call that its context ended counts as what becomes of it in the end, which
// may be a late answer; see xio_connection_abandoned_total. What fails before it
// reaches the library, for example in a full queue, counts as a message that took
// as long as that took, and has no size.
package xioprometheus
