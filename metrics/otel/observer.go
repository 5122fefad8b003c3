// SPDX-License-Identifier: Apache-2.0

package xiootel

import (
	"context"
	"slices"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/accelio/accelio-go/xio"
)

// Observer is an [xio.Observer] that records metrics of messages. One may serve
// any number of Dialers and ListenConfigs. It is safe for concurrent use.
type Observer struct {
	attributes []attribute.KeyValue
	cells      [2][2]cell // by role and kind
}

var _ xio.Observer = (*Observer)(nil)

// Indices of cells.
const (
	client, server  = 0, 1
	request, oneWay = 0, 1
)

// cell is where messages of one role and kind are recorded.
type cell struct {
	duration metric.Float64Histogram
	base     []attribute.KeyValue
	ends     [results]atomic.Pointer[[]metric.RecordOption]

	size       metric.Int64Histogram
	ask, reply []metric.RecordOption // reply nil for one-ways
}

// Boundaries that exporters use unless a view says otherwise: answers come within
// microseconds where the network is quick.
var (
	seconds = []float64{10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
	bytes   = []float64{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20}
)

// kindKey tells requests from one-ways in the metrics of sizes.
const kindKey = attribute.Key("accelio.message.kind")

// NewObserver makes an Observer. Hand it to a Dialer or ListenConfig. It fails
// with the error of a MeterProvider that cannot make the instruments.
func NewObserver(opts ...Option) (*Observer, error) {
	c := newConfig(opts)
	m := c.meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	o := &Observer{attributes: c.attributes}
	transmit, receive := semconv.NetworkIODirectionTransmit, semconv.NetworkIODirectionReceive
	for _, s := range []struct {
		role       int
		name       string
		what       string
		ask, reply attribute.KeyValue
	}{
		{client, "accelio.client.message.size", "Header and data of messages that were sent, and of their answers.", transmit, receive},
		{server, "accelio.server.message.size", "Header and data of messages that were served, and of their answers.", receive, transmit},
	} {
		size, err := m.Int64Histogram(s.name, metric.WithUnit("By"), metric.WithDescription(s.what), metric.WithExplicitBucketBoundaries(bytes...))
		if err != nil {
			return nil, err
		}
		kinds := &o.cells[s.role]
		for k := range kinds {
			kinds[k].size = size
		}
		kinds[request].ask = o.with(kindKey.String("request"), s.ask)
		kinds[request].reply = o.with(kindKey.String("request"), s.reply)
		kinds[oneWay].ask = o.with(kindKey.String("oneway"), s.ask)
	}
	for _, d := range []struct {
		cell *cell
		name string
		what string
		base []attribute.KeyValue
	}{
		{&o.cells[client][request], "rpc.client.call.duration", "Time from a request's submission to its answer.",
			[]attribute.KeyValue{rpcSystem}},
		{&o.cells[server][request], "rpc.server.call.duration", "Time from a request's arrival to its answer.",
			[]attribute.KeyValue{rpcSystem}},
		{&o.cells[client][oneWay], "messaging.client.operation.duration", "Time from a one-way message's submission to its departure, or receipt if it asked for one.",
			[]attribute.KeyValue{messagingSystem, semconv.MessagingOperationTypeSend, semconv.MessagingOperationName("send")}},
		{&o.cells[server][oneWay], "messaging.process.duration", "Time from a one-way message's arrival to its release.",
			[]attribute.KeyValue{messagingSystem, semconv.MessagingOperationName("process")}},
	} {
		h, err := m.Float64Histogram(d.name, metric.WithUnit("s"), metric.WithDescription(d.what), metric.WithExplicitBucketBoundaries(seconds...))
		if err != nil {
			return nil, err
		}
		d.cell.duration, d.cell.base = h, d.base
	}
	return o, nil
}

// with makes options once that serve for all messages.
func (o *Observer) with(a ...attribute.KeyValue) []metric.RecordOption {
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(append(a, o.attributes...)...))}
}

// MessageSent implements [xio.Observer].
func (o *Observer) MessageSent(i xio.MessageInfo) { o.record(client, &i, i.BytesOut, i.BytesIn) }

// MessageServed implements [xio.Observer].
func (o *Observer) MessageServed(i xio.MessageInfo) { o.record(server, &i, i.BytesIn, i.BytesOut) }

func (o *Observer) record(role int, i *xio.MessageInfo, size, reply int) {
	kind := request
	if i.OneWay {
		kind = oneWay
	}
	ctx := context.Background()
	c := &o.cells[role][kind]
	c.duration.Record(ctx, i.Latency.Seconds(), o.end(c, kind, resultOf(i.Err))...)
	if !i.Unsent {
		c.size.Record(ctx, int64(size), c.ask...)
	}
	// A failure may come without an answer.
	if c.reply != nil && (i.Err == nil || reply > 0) {
		c.size.Record(ctx, int64(reply), c.reply...)
	}
}

// end is the attributes of an end, made when it is met for the first time.
func (o *Observer) end(c *cell, kind, result int) []metric.RecordOption {
	if p := c.ends[result].Load(); p != nil {
		return *p
	}
	a := slices.Clone(c.base)
	if kind == request {
		a = append(a, semconv.RPCResponseStatusCode(resultName(result)))
	}
	if result != resultOK {
		a = append(a, semconv.ErrorTypeKey.String(resultName(result)))
	}
	with := o.with(a...)
	c.ends[result].Store(&with)
	return with
}
