// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accelio/accelio-go/xio"
)

// Options tune an Observer. The zero value is ready to use.
type Options struct {
	// DurationBuckets are the upper bounds of the classic buckets of
	// durations, in seconds, ascending. Nil means from 10 µs to 10 s, three to
	// a power of ten.
	DurationBuckets []float64
	// SizeBuckets are those of message sizes, in bytes. Nil means from 64 bytes
	// to 64 MiB, a power of four apart.
	SizeBuckets []float64
	// NativeFactor makes the histograms native as well, with buckets that grow
	// by at most this factor, as in [prometheus.HistogramOpts]; 1.1 is a good
	// choice. Up to 1 there are none.
	NativeFactor float64
}

// Observer is an [xio.Observer] that counts messages, and the collector of what
// it has counted. One may serve any number of Dialers and ListenConfigs. It is
// safe for concurrent use, and allocates nothing for a message, except when a
// result, or a bucket of a native histogram, is met for the first time.
type Observer struct {
	messages  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	sizes     *prometheus.HistogramVec
	cells     [2][2]cell // by direction and kind
}

var (
	_ xio.Observer         = (*Observer)(nil)
	_ prometheus.Collector = (*Observer)(nil)
)

// maxNativeBuckets bounds the memory of a native histogram, which gets coarser
// beyond.
const maxNativeBuckets = 160

// Indices of cells, and their labels.
const (
	sent, served    = 0, 1
	request, oneWay = 0, 1
)

var (
	directions = [2]string{sent: "sent", served: "served"}
	kinds      = [2]string{request: "request", oneWay: "oneway"}
	flows      = [2]string{sent: "out", served: "in"}
)

// cell is what messages of one direction and kind count in, found without a
// look at labels.
type cell struct {
	labels   [2]string
	done     [results]atomic.Pointer[prometheus.Counter]
	duration [2]prometheus.Observer // of successes and failures
	size     prometheus.Observer
	answer   prometheus.Observer // its size; nil for one-ways
}

// NewObserver makes an Observer. Register it with a Prometheus registry, and hand
// it to a Dialer or ListenConfig. It panics on buckets that are not ascending.
func NewObserver(o Options) *Observer {
	if o.DurationBuckets == nil {
		o.DurationBuckets = prometheus.ExponentialBucketsRange(10e-6, 10, 19)
	}
	if o.SizeBuckets == nil {
		o.SizeBuckets = prometheus.ExponentialBuckets(64, 4, 11)
	}
	ob := &Observer{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "xio_messages_total",
			Help: "Messages that have ended, by the side that asked, their kind, and the code they ended with.",
		}, []string{"direction", "kind", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                           "xio_message_duration_seconds",
			Help:                           "Time from a message's submission or arrival to its end.",
			Buckets:                        o.DurationBuckets,
			NativeHistogramBucketFactor:    o.NativeFactor,
			NativeHistogramMaxBucketNumber: maxNativeBuckets,
		}, []string{"direction", "kind", "result"}),
		sizes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                           "xio_message_size_bytes",
			Help:                           "Header and data of messages that have ended, by the way they flowed.",
			Buckets:                        o.SizeBuckets,
			NativeHistogramBucketFactor:    o.NativeFactor,
			NativeHistogramMaxBucketNumber: maxNativeBuckets,
		}, []string{"direction", "kind", "flow"}),
	}
	for d := range ob.cells {
		for k := range ob.cells[d] {
			c := &ob.cells[d][k]
			c.labels = [2]string{directions[d], kinds[k]}
			c.duration[0] = ob.durations.WithLabelValues(directions[d], kinds[k], "ok")
			c.duration[1] = ob.durations.WithLabelValues(directions[d], kinds[k], "error")
			c.size = ob.sizes.WithLabelValues(directions[d], kinds[k], flows[d])
			if k == request {
				c.answer = ob.sizes.WithLabelValues(directions[d], kinds[k], flows[1-d])
			}
			ob.counter(c, resultOK)
		}
	}
	return ob
}

// MessageSent implements [xio.Observer].
func (o *Observer) MessageSent(i xio.MessageInfo) { o.count(sent, &i) }

// MessageServed implements [xio.Observer].
func (o *Observer) MessageServed(i xio.MessageInfo) { o.count(served, &i) }

func (o *Observer) count(direction int, i *xio.MessageInfo) {
	kind := request
	if i.OneWay {
		kind = oneWay
	}
	size, answer := i.BytesOut, i.BytesIn
	if direction == served {
		size, answer = answer, size
	}
	c := &o.cells[direction][kind]
	result := resultOf(i.Err)
	o.counter(c, result).Inc()
	c.duration[min(result, 1)].Observe(i.Latency.Seconds())
	if !i.Unsent {
		c.size.Observe(float64(size))
	}
	// A failure may come without an answer.
	if c.answer != nil && (i.Err == nil || answer > 0) {
		c.answer.Observe(float64(answer))
	}
}

// counter is the counter of a result, made when it is met for the first time.
func (o *Observer) counter(c *cell, result int) prometheus.Counter {
	if n := c.done[result].Load(); n != nil {
		return *n
	}
	n := o.messages.WithLabelValues(c.labels[0], c.labels[1], resultName(result))
	c.done[result].Store(&n)
	return n
}

// Describe implements [prometheus.Collector].
func (o *Observer) Describe(ch chan<- *prometheus.Desc) {
	o.messages.Describe(ch)
	o.durations.Describe(ch)
	o.sizes.Describe(ch)
}

// Collect implements [prometheus.Collector].
func (o *Observer) Collect(ch chan<- prometheus.Metric) {
	o.messages.Collect(ch)
	o.durations.Collect(ch)
	o.sizes.Collect(ch)
}
