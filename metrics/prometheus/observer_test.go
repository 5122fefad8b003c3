// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

// gather registers c alone and finds the metrics of a family by their labels.
func gather(t testing.TB, c prometheus.Collector, family string) map[string]*dto.Metric {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(c))
	all, err := reg.Gather()
	require.NoError(t, err)
	found := make(map[string]*dto.Metric)
	for _, f := range all {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			found[strings.Join(labels, " ")] = m
		}
	}
	return found
}

func TestObserverCountsMessages(t *testing.T) {
	here, there := NewObserver(Options{}), NewObserver(Options{})
	s := listen(t, xio.ListenConfig{Observer: there, Inline: true, OnMsg: func(*xio.OneWay) {}}, func(r *xio.Request) {
		if r.Len() == 0 {
			r.ReplyError(xio.ErrRoute, "label=\xff\n")
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
	eventually(t, "served", func() bool {
		return testutil.ToFloat64(there.messages.WithLabelValues("served", "oneway", "OK")) == 1
	})

	const head = "# HELP xio_messages_total Messages that have ended, by the side that asked, their kind, and the code they ended with.\n# TYPE xio_messages_total counter\n"
	require.NoError(t, testutil.CollectAndCompare(here, strings.NewReader(head+`
		xio_messages_total{code="OK",direction="sent",kind="oneway"} 1
		xio_messages_total{code="OK",direction="sent",kind="request"} 3
		xio_messages_total{code="OK",direction="served",kind="oneway"} 0
		xio_messages_total{code="OK",direction="served",kind="request"} 0
		xio_messages_total{code="ROUTE_ERROR",direction="sent",kind="request"} 1
	`), "xio_messages_total"))
	require.NoError(t, testutil.CollectAndCompare(there, strings.NewReader(head+`
		xio_messages_total{code="OK",direction="sent",kind="oneway"} 0
		xio_messages_total{code="OK",direction="sent",kind="request"} 0
		xio_messages_total{code="OK",direction="served",kind="oneway"} 1
		xio_messages_total{code="OK",direction="served",kind="request"} 3
		xio_messages_total{code="ROUTE_ERROR",direction="served",kind="request"} 1
	`), "xio_messages_total"))

	for _, o := range []*Observer{here, there} {
		d := directions[sent]
		out, in := "out", "in"
		if o == there {
			d, out, in = directions[served], in, out
		}
		times := gather(t, o, "xio_message_duration_seconds")
		ok := times["direction="+d+" kind=request result=ok"].GetHistogram()
		assert.EqualValues(t, 3, ok.GetSampleCount())
		assert.Positive(t, ok.GetSampleSum())
		assert.Len(t, ok.GetBucket(), 19)
		assert.Nil(t, ok.Schema, "a native histogram that nobody asked for")
		assert.EqualValues(t, 1, times["direction="+d+" kind=request result=error"].GetHistogram().GetSampleCount())
		assert.EqualValues(t, 1, times["direction="+d+" kind=oneway result=ok"].GetHistogram().GetSampleCount())

		sizes := gather(t, o, "xio_message_size_bytes")
		asked := sizes["direction="+d+" flow="+out+" kind=request"].GetHistogram()
		assert.EqualValues(t, 4, asked.GetSampleCount())
		assert.EqualValues(t, 3*102, asked.GetSampleSum())
		assert.EqualValues(t, 4, sizes["direction="+d+" flow="+in+" kind=request"].GetHistogram().GetSampleCount())
		assert.EqualValues(t, 20000, sizes["direction="+d+" flow="+out+" kind=oneway"].GetHistogram().GetSampleSum())
		assert.NotContains(t, sizes, "direction="+d+" flow="+in+" kind=oneway")
	}
}

// A failure without an answer does not count as an empty one.
func TestObserverOfAFailureWithoutAnAnswer(t *testing.T) {
	o := NewObserver(Options{})
	o.MessageSent(xio.MessageInfo{BytesOut: 7, Err: &xio.Error{Code: xio.ErrMsgFlushed}})
	o.MessageServed(xio.MessageInfo{Err: errors.New("no code")})
	sizes := gather(t, o, "xio_message_size_bytes")
	assert.EqualValues(t, 7, sizes["direction=sent flow=out kind=request"].GetHistogram().GetSampleSum())
	assert.Zero(t, sizes["direction=sent flow=in kind=request"].GetHistogram().GetSampleCount())
	assert.EqualValues(t, 1, sizes["direction=served flow=in kind=request"].GetHistogram().GetSampleCount())
	assert.Zero(t, sizes["direction=served flow=out kind=request"].GetHistogram().GetSampleCount())
	assert.Contains(t, gather(t, o, "xio_messages_total"), "code=MSG_FLUSHED direction=sent kind=request")
	assert.Contains(t, gather(t, o, "xio_messages_total"), "code=UNSUCCESSFUL direction=served kind=request")
}

// What never reached the library has a duration and no size.
func TestObserverOfAnUnsentMessage(t *testing.T) {
	o := NewObserver(Options{})
	o.MessageSent(xio.MessageInfo{OneWay: true, Unsent: true, Latency: time.Second, Err: xio.ErrTxQueueOverflow})
	assert.EqualValues(t, 1, gather(t, o, "xio_message_duration_seconds")["direction=sent kind=oneway result=error"].GetHistogram().GetSampleCount())
	assert.Zero(t, gather(t, o, "xio_message_size_bytes")["direction=sent flow=out kind=oneway"].GetHistogram().GetSampleCount())
	assert.Contains(t, gather(t, o, "xio_messages_total"), "code=TX_QUEUE_OVERFLOW direction=sent kind=oneway")
}

func TestObserverOptions(t *testing.T) {
	o := NewObserver(Options{DurationBuckets: []float64{0.001, 1}, SizeBuckets: []float64{10}, NativeFactor: 1.1})
	o.MessageSent(xio.MessageInfo{Latency: 20 * time.Millisecond, BytesOut: 11, BytesIn: 9})
	h := gather(t, o, "xio_message_duration_seconds")["direction=sent kind=request result=ok"].GetHistogram()
	require.Len(t, h.GetBucket(), 2)
	assert.Zero(t, h.GetBucket()[0].GetCumulativeCount())
	assert.EqualValues(t, 1, h.GetBucket()[1].GetCumulativeCount())
	assert.NotNil(t, h.Schema)
	assert.Equal(t, []int64{1}, h.GetPositiveDelta())
	sizes := gather(t, o, "xio_message_size_bytes")
	assert.Zero(t, sizes["direction=sent flow=out kind=request"].GetHistogram().GetBucket()[0].GetCumulativeCount())
	assert.EqualValues(t, 1, sizes["direction=sent flow=in kind=request"].GetHistogram().GetBucket()[0].GetCumulativeCount())

	assert.Panics(t, func() { NewObserver(Options{SizeBuckets: []float64{2, 1}}) })
}

func TestObserverAllocatesNothing(t *testing.T) {
	for name, o := range map[string]*Observer{"classic": NewObserver(Options{}), "native": NewObserver(Options{NativeFactor: 1.1})} {
		t.Run(name, func(t *testing.T) {
			failed := &xio.Error{Op: "call", Code: xio.ErrMsgFlushed, Errno: 104}
			infos := []xio.MessageInfo{
				{Latency: 30 * time.Microsecond, BytesOut: 32, BytesIn: 4096},
				{Latency: 3 * time.Second, BytesOut: 1 << 20, BytesIn: 1, Err: failed},
				{OneWay: true, Latency: time.Microsecond, BytesOut: 1, BytesIn: 1},
			}
			assert.Zero(t, testing.AllocsPerRun(100, func() {
				for _, i := range infos {
					o.MessageSent(i)
					o.MessageServed(i)
				}
			}))
		})
	}
}

// Results that several goroutines meet for the first time at once are counted
// together.
func TestObserverOfManyGoroutines(t *testing.T) {
	o := NewObserver(Options{NativeFactor: 1.1})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for code := xio.ErrNotSupported; code <= xio.ErrRspBufSizeMismatch; code++ {
				o.MessageSent(xio.MessageInfo{Err: code, Latency: time.Duration(code)})
			}
		})
	}
	wg.Wait()
	counted := 0
	for _, m := range gather(t, o, "xio_messages_total") {
		if n := m.GetCounter().GetValue(); n > 0 {
			assert.EqualValues(t, 8, n)
			counted++
		}
	}
	assert.Equal(t, firstErrno-firstStatus, counted)
}

func BenchmarkObserver(b *testing.B) {
	for name, opts := range map[string]Options{"classic": {}, "native": {NativeFactor: 1.1}} {
		b.Run(name, func(b *testing.B) {
			o := NewObserver(opts)
			i := xio.MessageInfo{Latency: 30 * time.Microsecond, BytesOut: 32, BytesIn: 4096}
			b.ReportAllocs()
			for b.Loop() {
				o.MessageSent(i)
			}
		})
	}
}

func TestObserverPassesLint(t *testing.T) {
	o := NewObserver(Options{})
	problems, err := testutil.CollectAndLint(o)
	require.NoError(t, err)
	assert.Empty(t, problems)
}
