// SPDX-License-Identifier: Apache-2.0

package xiootel

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/accelio/accelio-go/xio"
)

// meter is an Observer, and what reads it.
type meter struct {
	*Observer
	reader *sdkmetric.ManualReader
}

func newMeter(t testing.TB, opts ...Option) *meter {
	t.Helper()
	r := sdkmetric.NewManualReader()
	p := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.Background())) })
	o, err := NewObserver(append(opts, WithMeterProvider(p))...)
	require.NoError(t, err)
	return &meter{o, r}
}

func (m *meter) collect(t testing.TB) map[string]metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, m.reader.Collect(context.Background(), &all))
	found := make(map[string]metricdata.Metrics)
	for _, s := range all.ScopeMetrics {
		assert.Equal(t, scope, s.Scope.Name)
		for _, m := range s.Metrics {
			found[m.Name] = m
		}
	}
	return found
}

// duration finds a histogram of durations by its attributes.
func (m *meter) duration(t testing.TB, name string, a ...attribute.KeyValue) metricdata.HistogramDataPoint[float64] {
	t.Helper()
	return point[float64](t, m.collect(t)[name], "s", a)
}

func (m *meter) size(t testing.TB, name string, a ...attribute.KeyValue) metricdata.HistogramDataPoint[int64] {
	t.Helper()
	return point[int64](t, m.collect(t)[name], "By", a)
}

func point[N int64 | float64](t testing.TB, m metricdata.Metrics, unit string, a []attribute.KeyValue) metricdata.HistogramDataPoint[N] {
	t.Helper()
	h, ok := m.Data.(metricdata.Histogram[N])
	if !ok {
		return metricdata.HistogramDataPoint[N]{}
	}
	assert.Equal(t, unit, m.Unit)
	want := attribute.NewSet(a...)
	for _, p := range h.DataPoints {
		if p.Attributes.Equals(&want) {
			return p
		}
	}
	return metricdata.HistogramDataPoint[N]{}
}

func TestObserverRecordsMessages(t *testing.T) {
	here, there := newMeter(t), newMeter(t, WithAttributes(attribute.String("service", "test")))
	s := listen(t, xio.ListenConfig{Observer: there, OnMsg: func(*xio.OneWay) {}}, func(r *xio.Request) {
		if r.Len() == 0 {
			r.ReplyError(xio.ErrRoute, "a text")
			return
		}
		echo(r)
	})
	c := dial(t, xio.Dialer{Observer: here}, s)
	for range 3 {
		require.NoError(t, call(t, c, &xio.Message{Header: []byte("hh"), Data: make([]byte, 100)}))
	}
	require.ErrorIs(t, call(t, c, &xio.Message{}), xio.ErrRoute)
	require.NoError(t, c.Deliver(testContext(t), &xio.Message{Data: make([]byte, 20000)}))

	str := attribute.String
	sys, msg, service := str("rpc.system.name", system), str("messaging.system", system), str("service", "test")
	ok, no, typ := str("rpc.response.status_code", "OK"), str("rpc.response.status_code", "ROUTE_ERROR"), str("error.type", "ROUTE_ERROR")
	p := here.duration(t, "rpc.client.call.duration", sys, ok)
	assert.EqualValues(t, 3, p.Count)
	assert.Positive(t, p.Sum)
	assert.Equal(t, seconds, p.Bounds)
	assert.EqualValues(t, 1, here.duration(t, "rpc.client.call.duration", sys, no, typ).Count)
	assert.EqualValues(t, 1, here.duration(t, "messaging.client.operation.duration", msg, str("messaging.operation.name", "send"), str("messaging.operation.type", "send")).Count)

	eventually(t, "served", func() bool {
		return there.duration(t, "messaging.process.duration", msg, service, str("messaging.operation.name", "process")).Count == 1
	})
	assert.EqualValues(t, 3, there.duration(t, "rpc.server.call.duration", sys, ok, service).Count)
	assert.EqualValues(t, 1, there.duration(t, "rpc.server.call.duration", sys, no, typ, service).Count)

	req, one := kindKey.String("request"), kindKey.String("oneway")
	out, in := str("network.io.direction", "transmit"), str("network.io.direction", "receive")
	asked := here.size(t, "accelio.client.message.size", req, out)
	assert.EqualValues(t, 4, asked.Count)
	assert.EqualValues(t, 3*102, asked.Sum)
	assert.EqualValues(t, 4, here.size(t, "accelio.client.message.size", req, in).Count)
	assert.EqualValues(t, 20000, here.size(t, "accelio.client.message.size", one, out).Sum)
	assert.Zero(t, here.size(t, "accelio.client.message.size", one, in).Count)
	assert.EqualValues(t, 3*102, there.size(t, "accelio.server.message.size", req, in, service).Sum)
	assert.EqualValues(t, 20000, there.size(t, "accelio.server.message.size", one, in, service).Sum)
	assert.NotContains(t, here.collect(t), "rpc.server.call.duration")
}

// A failure without an answer does not count as an empty one.
func TestObserverOfAFailureWithoutAnAnswer(t *testing.T) {
	m := newMeter(t)
	m.MessageSent(xio.MessageInfo{BytesOut: 7, Err: &xio.Error{Code: xio.ErrMsgFlushed}})
	req := kindKey.String("request")
	assert.EqualValues(t, 1, m.size(t, "accelio.client.message.size", req, attribute.String("network.io.direction", "transmit")).Count)
	assert.Zero(t, m.size(t, "accelio.client.message.size", req, attribute.String("network.io.direction", "receive")).Count)
}

// What never reached the library has a duration and no size.
func TestObserverOfAnUnsentMessage(t *testing.T) {
	m := newMeter(t)
	m.MessageSent(xio.MessageInfo{OneWay: true, Unsent: true, Latency: time.Second, Err: xio.ErrTxQueueOverflow})
	all := m.collect(t)
	assert.Contains(t, all, "messaging.client.operation.duration")
	assert.NotContains(t, all, "accelio.client.message.size")
}

// Results that several goroutines meet for the first time at once are recorded
// together.
func TestObserverOfManyGoroutines(t *testing.T) {
	m := newMeter(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for code := xio.ErrNotSupported; code <= xio.ErrRspBufSizeMismatch; code++ {
				m.MessageServed(xio.MessageInfo{Err: code})
			}
		})
	}
	wg.Wait()
	h := m.collect(t)["rpc.server.call.duration"].Data.(metricdata.Histogram[float64])
	assert.Len(t, h.DataPoints, firstErrno-firstStatus)
	for _, p := range h.DataPoints {
		assert.EqualValues(t, 8, p.Count)
	}
}

// The adapter itself allocates nothing, whatever the provider does.
func TestObserverAllocatesNothing(t *testing.T) {
	o, err := NewObserver()
	require.NoError(t, err)
	failed := &xio.Error{Op: "call", Code: xio.ErrMsgFlushed, Errno: 104}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		o.MessageSent(xio.MessageInfo{Latency: time.Microsecond, BytesOut: 32, BytesIn: 4096})
		o.MessageServed(xio.MessageInfo{Latency: time.Second, BytesOut: 32, Err: failed})
		o.MessageSent(xio.MessageInfo{OneWay: true, BytesOut: 32})
	}))
}

func BenchmarkObserver(b *testing.B) {
	m := newMeter(b)
	i := xio.MessageInfo{Latency: 30 * time.Microsecond, BytesOut: 32, BytesIn: 4096}
	b.ReportAllocs()
	for b.Loop() {
		m.MessageSent(i)
	}
}
