// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// value is that of the one metric of the family with these labels.
func value(t testing.TB, c prometheus.Collector, family, labels string) float64 {
	t.Helper()
	m := gather(t, c, family)[labels]
	require.NotNil(t, m, "%s{%s}", family, labels)
	return scalar(m)
}

func scalar(m *dto.Metric) float64 { return m.GetGauge().GetValue() + m.GetCounter().GetValue() }

func newContext(t testing.TB, o xio.ContextOptions) *xio.Context {
	t.Helper()
	x, err := xio.NewContext(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	return x
}

func TestCollectorReadsStats(t *testing.T) {
	x := newContext(t, xio.ContextOptions{})
	s := listen(t, xio.ListenConfig{Context: x, OnMsg: func(*xio.OneWay) {}}, echo)
	c := dial(t, xio.Dialer{QueueDepth: 17}, s)
	var state Collector
	require.NoError(t, state.SetContext("loop", x))
	require.NoError(t, state.SetServer("front", s))
	require.NoError(t, state.SetConnection("back", c))
	for range 5 {
		require.NoError(t, call(t, c, &xio.Message{Data: make([]byte, 10)}))
	}
	require.NoError(t, c.Deliver(testContext(t), &xio.Message{Data: make([]byte, 10)}))

	theirs := s.Connections()[0]
	require.NoError(t, state.SetConnection("theirs", theirs))
	for _, tc := range []struct {
		family, labels string
		want           float64
	}{
		{"xio_context_connections", "context=loop", 1},
		{"xio_context_receive_bytes", "context=loop", 0},
		{"xio_server_accepted_total", "server=front", 1},
		{"xio_server_rejected_total", "server=front", 0},
		{"xio_server_connections", "server=front", 1},
		{"xio_server_serving", "server=front", 0},
		{"xio_server_queued", "server=front", 0},
		{"xio_connection_up", "connection=back", 1},
		{"xio_connection_sent_total", "connection=back", 6},
		{"xio_connection_failed_total", "connection=back", 0},
		{"xio_connection_abandoned_total", "connection=back", 0},
		{"xio_connection_dropped_total", "connection=back", 0},
		{"xio_connection_bytes_total", "connection=back flow=out", 60},
		{"xio_connection_bytes_total", "connection=back flow=in", 50},
		{"xio_connection_pending", "connection=back", 0},
		{"xio_connection_in_flight", "connection=back", 0},
		{"xio_connection_waiting", "connection=back", 0},
		{"xio_connection_queue_depth", "connection=back", 17},
		{"xio_connection_received_total", "connection=theirs kind=request", 5},
		{"xio_connection_received_total", "connection=theirs kind=oneway", 1},
	} {
		assert.Equal(t, tc.want, value(t, &state, tc.family, tc.labels), "%s{%s}", tc.family, tc.labels)
	}
	for _, family := range []string{"xio_context_turns_total", "xio_context_submissions_total", "xio_context_events_total"} {
		assert.Positive(t, value(t, &state, family, "context=loop"), family)
	}
	events := value(t, &state, "xio_context_events_total", "context=loop")
	require.NoError(t, call(t, c, &xio.Message{}))
	assert.Greater(t, value(t, &state, "xio_context_events_total", "context=loop"), events, "read anew")
	waits := gather(t, &state, "xio_context_waits_total")
	assert.Positive(t, scalar(waits["context=loop"]))

	require.NoError(t, c.Close())
	assert.Zero(t, value(t, &state, "xio_connection_up", "connection=back"))
	eventually(t, "gone", func() bool { return value(t, &state, "xio_server_connections", "server=front") == 0 })
	require.NoError(t, x.Close())
	assert.Zero(t, value(t, &state, "xio_context_connections", "context=loop"), "a closed Context answers")
}

func TestCollectorReadsPools(t *testing.T) {
	p, err := pool.New(pool.Config{Limit: 1 << 20, Classes: []pool.Class{{Size: 4096, Max: 3, Grow: 2}, {Size: 16384}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	var held []*pool.Buffer
	for range 3 {
		b, err := p.Get(testContext(t), 4096)
		require.NoError(t, err)
		held = append(held, b)
	}
	_, err = p.TryGet(4096)
	require.ErrorIs(t, err, pool.ErrExhausted)

	var state Collector
	require.NoError(t, state.SetPool("small", p))
	st := p.Stats()
	for _, tc := range []struct {
		family, labels string
		want           float64
	}{
		{"xio_pool_buffers", "pool=small", 3},
		{"xio_pool_bytes", "pool=small state=used", float64(3 * st.Classes[0].Size)},
		{"xio_pool_bytes", "pool=small state=cached", 0},
		{"xio_pool_bytes", "pool=small state=idle", float64(st.Idle)},
		{"xio_pool_bytes", "pool=small state=other", float64(st.Held - st.InUse - st.Idle)},
		{"xio_pool_limit_bytes", "pool=small", 1 << 20},
		{"xio_pool_waiting", "pool=small", 0},
		{"xio_pool_gets_total", "pool=small", 3},
		{"xio_pool_hits_total", "pool=small", 0},
		{"xio_pool_waits_total", "pool=small", 0},
		{"xio_pool_wait_seconds_total", "pool=small", 0},
		{"xio_pool_failures_total", "pool=small reason=exhausted", 1},
		{"xio_pool_failures_total", "pool=small reason=gave_up", 0},
		{"xio_pool_failures_total", "pool=small reason=no_memory", 0},
		{"xio_pool_regions_total", "change=grow pool=small", float64(st.Grows)},
		{"xio_pool_regions_total", "change=shrink pool=small", 0},
		{"xio_pool_class_blocks", "pool=small size=" + strconv.Itoa(st.Classes[0].Size) + " state=used", 3},
		{"xio_pool_class_blocks", "pool=small size=" + strconv.Itoa(st.Classes[0].Size) + " state=free", float64(st.Classes[0].Free)},
		{"xio_pool_class_blocks", "pool=small size=" + strconv.Itoa(st.Classes[1].Size) + " state=cached", 0},
		{"xio_pool_class_waiting", "pool=small size=" + strconv.Itoa(st.Classes[0].Size), 0},
	} {
		assert.Equal(t, tc.want, value(t, &state, tc.family, tc.labels), "%s{%s}", tc.family, tc.labels)
	}
	for _, b := range held {
		b.Release()
	}
	assert.Zero(t, value(t, &state, "xio_pool_buffers", "pool=small"))
}

// A handler that keeps the driver does not keep a scrape, which shows it.
func TestScrapeWhileAHandlerBlocks(t *testing.T) {
	x := newContext(t, xio.ContextOptions{})
	entered, release := make(chan struct{}), make(chan struct{})
	s := listen(t, xio.ListenConfig{Context: x, Inline: true}, func(r *xio.Request) {
		close(entered)
		<-release
		echo(r)
	})
	c := dial(t, xio.Dialer{}, s)
	var state Collector
	require.NoError(t, state.SetContext("busy", x))
	require.NoError(t, state.SetServer("busy", s))
	called := make(chan error, 1)
	go func() { called <- call(t, c, &xio.Message{Data: []byte("x")}) }()
	<-entered
	turns := value(t, &state, "xio_context_turns_total", "context=busy")
	assert.Zero(t, value(t, &state, "xio_context_parked", "context=busy"))
	assert.EqualValues(t, 1, value(t, &state, "xio_server_pending", "server=busy"))
	assert.EqualValues(t, 1, value(t, &state, "xio_server_connections", "server=busy"))
	assert.Equal(t, turns, value(t, &state, "xio_context_turns_total", "context=busy"))
	close(release)
	require.NoError(t, <-called)
	eventually(t, "it waits again", func() bool { return value(t, &state, "xio_context_parked", "context=busy") == 1 })
	assert.Greater(t, value(t, &state, "xio_context_turns_total", "context=busy"), turns)
}

// Handlers at work, and what waits for one, show.
func TestScrapeOfWorkers(t *testing.T) {
	release := make(chan struct{})
	s := listen(t, xio.ListenConfig{Workers: 1}, func(r *xio.Request) { <-release; echo(r) })
	c := dial(t, xio.Dialer{}, s)
	var state Collector
	require.NoError(t, state.SetServer("s", s))
	const calls = 3
	called := make(chan error, calls)
	for range calls {
		go func() { called <- call(t, c, &xio.Message{}) }()
	}
	eventually(t, "one served, others waiting", func() bool {
		return value(t, &state, "xio_server_pending", "server=s") == calls &&
			value(t, &state, "xio_server_serving", "server=s") == 1 &&
			value(t, &state, "xio_server_queued", "server=s") == calls-1
	})
	close(release)
	for range calls {
		require.NoError(t, <-called)
	}
	eventually(t, "none", func() bool { return value(t, &state, "xio_server_serving", "server=s") == 0 })
	assert.Zero(t, value(t, &state, "xio_server_queued", "server=s"))
}

func TestCollectorNames(t *testing.T) {
	x := newContext(t, xio.ContextOptions{})
	var state Collector
	for _, name := range []string{"", "\xff"} {
		require.ErrorIs(t, state.SetContext(name, x), ErrName)
		require.ErrorIs(t, state.SetContext(name, nil), ErrName)
		require.ErrorIs(t, state.SetPool(name, pool.Default()), ErrName)
	}
	assert.Zero(t, testutil.CollectAndCount(&state), "nothing was set")

	s := listen(t, xio.ListenConfig{}, echo)
	first, second := dial(t, xio.Dialer{}, s), dial(t, xio.Dialer{}, s)
	require.NoError(t, call(t, second, &xio.Message{}))
	require.NoError(t, state.SetConnection("c", first))
	assert.Zero(t, value(t, &state, "xio_connection_sent_total", "connection=c"))
	require.NoError(t, state.SetConnection("c", second))
	assert.EqualValues(t, 1, value(t, &state, "xio_connection_sent_total", "connection=c"))

	require.NoError(t, state.SetPool("p", pool.Default()))
	require.NoError(t, state.SetServer("s", s))
	require.NoError(t, state.SetContext("x", x))
	require.NoError(t, state.SetPool("p", nil))
	require.NoError(t, state.SetServer("s", nil))
	require.NoError(t, state.SetConnection("c", nil))
	require.NoError(t, state.SetContext("x", nil))
	assert.Zero(t, testutil.CollectAndCount(&state), "all was taken away")
}

// A Context that nobody turns is read as well.
func TestCollectorReadsManualContexts(t *testing.T) {
	x := newContext(t, xio.ContextOptions{Drive: xio.DriveManual})
	var state Collector
	require.NoError(t, state.SetContext("mine", x))
	assert.Zero(t, value(t, &state, "xio_context_turns_total", "context=mine"))
	_, err := x.Turn()
	require.NoError(t, err)
	assert.EqualValues(t, 1, value(t, &state, "xio_context_turns_total", "context=mine"))
}

func TestCollectorPassesLint(t *testing.T) {
	x := newContext(t, xio.ContextOptions{})
	s := listen(t, xio.ListenConfig{}, echo)
	var state Collector
	require.NoError(t, state.SetContext("x", x))
	require.NoError(t, state.SetServer("x", s))
	require.NoError(t, state.SetConnection("x", dial(t, xio.Dialer{}, s)))
	require.NoError(t, state.SetPool("x", pool.Default()))
	problems, err := testutil.CollectAndLint(&state)
	require.NoError(t, err)
	assert.Empty(t, problems)
}
