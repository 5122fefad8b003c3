// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// Load is a synthetic load after Ceph's: clients that connect to servers, send pings of
// random sizes, and drop connections at random. Every pong must have the ping's bytes,
// and pongs of a connection and priority must come in order.
type Load struct {
	Servers, Clients int
	ServerPolicy     messenger.Policy
	ClientPolicy     messenger.Policy
	Connections      int // most at a time
	InFlight         int // most pings without their pong
	MaxSize          int // largest data in bytes; the smallest is 32
	Ops              int
	Drop             int // percent of operations that drop a connection
	Connect          int // percent that make one
	Urgent           int // percent of pings with a higher priority
	Faults           *Faults
	Throttle         int64 // dispatch throttle in bytes
}

// loadPing is what is remembered of a ping under way.
type loadPing struct {
	conn   messenger.Connection
	urgent bool
	size   int
	sum    uint32
}

type lane struct {
	conn   messenger.Connection
	urgent bool
}

// loadRun is a load at work.
type loadRun struct {
	t    testing.TB
	l    *Load
	mu   sync.Mutex
	sent map[uint32]loadPing
	last map[lane]uint32 // the newest pong
	gone map[uint32]bool // pings that may have been lost
	next uint32
	done uint64
	seen uint64 // of these, by answered
	lost uint64
	bad  atomic.Pointer[string]
}

func (r *loadRun) fail(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	r.bad.CompareAndSwap(nil, &s)
}

// loadServer answers pings with their own bytes.
type loadServer struct{ *fake }

func (d loadServer) CanFastDispatch(m messenger.Message) bool { return false }

func (d loadServer) Dispatch(m messenger.Message) bool {
	p, ok := m.(*messages.DataPing)
	if ok {
		r := messages.NewDataPing(p.Tag, p.Counter)
		r.SetPriority(p.Priority())
		r.SetData(p.DetachData())
		_ = p.Connection().Send(r)
	}
	m.Base().Release()
	return true
}

// loadClient checks pongs.
type loadClient struct {
	*fake
	r *loadRun
}

func (d loadClient) CanFastDispatch(m messenger.Message) bool { return false }

func (d loadClient) Dispatch(m messenger.Message) bool {
	if p, ok := m.(*messages.DataPing); ok {
		d.r.pong(p)
	}
	m.Base().Release()
	return true
}

// HandleReset forgets what was under way on a connection that has ended.
func (d loadClient) HandleReset(c messenger.Connection) bool {
	d.r.forget(c)
	return true
}

func (d loadClient) HandleRemoteReset(c messenger.Connection) { d.r.forget(c) }

func (r *loadRun) pong(p *messages.DataPing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ping, ok := r.sent[p.Counter]
	if !ok {
		// A server that is told of a reset may still answer what it got before it,
		// but nothing is answered twice.
		if !r.gone[p.Counter] {
			r.fail("pong %d that nobody waits for", p.Counter)
		}
		delete(r.gone, p.Counter)
		return
	}
	delete(r.sent, p.Counter)
	r.done++
	if ping.conn != p.Connection() || ping.size != p.DataLen() || ping.sum != messenger.CRC32C(0, p.Data()) {
		r.fail("pong %d is not its ping", p.Counter)
	}
	at := lane{ping.conn, ping.urgent}
	if r.last[at] > p.Counter {
		r.fail("pong %d behind %d", p.Counter, r.last[at])
	}
	r.last[at] = p.Counter
}

// forget: what is under way on c may be lost.
func (r *loadRun) forget(c messenger.Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, p := range r.sent {
		if p.conn == c {
			delete(r.sent, n)
			r.gone[n] = true
			r.lost++
		}
	}
}

func (r *loadRun) underWay() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sent)
}

// answered waits a little for a pong since the last time: where connections went
// faster than any can come, the load would be of lost pings alone.
func (r *loadRun) answered() {
	for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		r.mu.Lock()
		came := r.done > r.seen || len(r.sent) == 0
		r.seen = r.done
		r.mu.Unlock()
		if came {
			return
		}
	}
}

// RunLoad runs a load, and prints its seed.
func RunLoad(t testing.TB, h Harness, l Load) {
	seed := Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	r := &loadRun{t: t, l: &l, sent: map[uint32]loadPing{}, last: map[lane]uint32{}, gone: map[uint32]bool{}}
	if l.Faults != nil {
		l.Faults.Seed = seed
	}
	config := func(c *messenger.Config) {
		c.DispatchThrottleBytes = l.Throttle
		c.HandshakeTimeout = 5 * time.Second
		if l.Faults != nil {
			c.Injector = l.Faults
		}
	}
	var servers, clients []*node
	add := func(list *[]*node, num int, typ messenger.EntityType, p messenger.Policy, d messenger.Dispatcher) {
		idle := newFake()
		idle.slow = true
		*list = append(*list, h.start(t, options{
			name: messenger.EntityName{Type: typ, Num: int64(num)}, policy: p, bind: typ == messenger.EntityOSD || !p.Server && p.Standby,
			config: config, dispatch: idle, before: func(m messenger.Messenger) { m.AddDispatcherHead(d) },
		}))
	}
	for i := range l.Servers {
		add(&servers, i, messenger.EntityOSD, l.ServerPolicy, loadServer{newFake()})
	}
	for i := range l.Clients {
		add(&clients, i, messenger.EntityClient, l.ClientPolicy, loadClient{newFake(), r})
	}
	var conns []messenger.Connection
	connect := func() {
		if len(conns) >= l.Connections {
			return
		}
		c, err := clients[rng.IntN(len(clients))].ConnectTo(messenger.EntityOSD, servers[rng.IntN(len(servers))].Addrs())
		require.NoError(t, err)
		for _, o := range conns {
			if o == c {
				return
			}
		}
		conns = append(conns, c)
	}
	for range l.Connections / 2 {
		connect()
	}
	bytes := make([]byte, l.MaxSize)
	for i := 0; i+8 <= len(bytes); i += 8 {
		binary.LittleEndian.PutUint64(bytes[i:], rng.Uint64())
	}
	for range l.Ops {
		if bad := r.bad.Load(); bad != nil {
			break
		}
		switch op := rng.IntN(100); {
		case op < l.Drop && len(conns) > 0:
			r.answered()
			i := rng.IntN(len(conns))
			c := conns[i]
			conns = append(conns[:i], conns[i+1:]...)
			c.MarkDown()
			r.forget(c)
		case op < l.Drop+l.Connect || len(conns) == 0:
			connect()
		case op < l.Drop+l.Connect+70:
			r.ping(rng, conns[rng.IntN(len(conns))], bytes)
		default:
			time.Sleep(time.Duration(rng.IntN(1000)) * time.Microsecond)
		}
	}
	if l.Faults != nil {
		t.Logf("%d failures injected", l.Faults.Failed())
	}
	for end := time.Now().Add(5 * time.Minute); r.underWay() > 0 && r.bad.Load() == nil; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(end), "%d pings never answered", r.underWay())
	}
	if bad := r.bad.Load(); bad != nil {
		t.Fatal(*bad)
	}
	t.Logf("%d pings answered, %d lost with their connection", r.done, r.lost)
	require.NotZero(t, r.done)
	if l.Drop == 0 && !l.ClientPolicy.Lossy {
		require.Zero(t, r.lost, "nothing may be lost where nobody drops connections")
	}
}

// ping sends a ping, once there is room for one more under way.
func (r *loadRun) ping(rng *rand.Rand, c messenger.Connection, bytes []byte) {
	for end := time.Now().Add(5 * time.Minute); r.underWay() >= r.l.InFlight && r.bad.Load() == nil; time.Sleep(100 * time.Microsecond) {
		require.True(r.t, time.Now().Before(end), "%d pings never answered", r.underWay())
	}
	// Sizes of all magnitudes alike.
	size := 32
	for size < r.l.MaxSize && rng.IntN(3) > 0 {
		size *= 2
	}
	size = min(size+rng.IntN(size), r.l.MaxSize)
	urgent := rng.IntN(100) < r.l.Urgent
	data := bytes[rng.IntN(len(bytes)-size+1):][:size]
	r.mu.Lock()
	r.next++
	m := messages.NewDataPing("load", r.next)
	if c.State() == messenger.ConnClosed {
		r.mu.Unlock()
		m.Release()
		return
	}
	r.sent[r.next] = loadPing{c, urgent, size, messenger.CRC32C(0, data)}
	r.mu.Unlock()
	if urgent {
		m.SetPriority(200)
	}
	m.SetData(data)
	m.OnComplete(func(err error) {
		if err != nil {
			r.forget(c)
		}
	})
	if err := c.Send(m); err != nil {
		r.fail("send: %v", err)
	}
}

// short cuts a load down for ordinary test runs.
func short(n, brief int) int {
	if Long() {
		return n
	}
	return brief
}

var loadCases = []testCase{
	{"C12_SyntheticStressTest", func(t *testing.T, s *suite) {
		RunLoad(t, s.Harness, Load{Servers: short(8, 3), Clients: short(32, 6), ServerPolicy: messenger.StatefulServer(),
			ClientPolicy: messenger.LosslessClient(), Connections: 128, InFlight: 64, MaxSize: 4 << 20, Ops: short(5000, 300),
			Drop: 10, Connect: 10, Urgent: 5})
	}},
	{"C13_SyntheticStressTest1", func(t *testing.T, s *suite) {
		RunLoad(t, s.Harness, Load{Servers: short(16, 3), Clients: short(32, 6), ServerPolicy: messenger.LosslessPeerReuse(),
			ClientPolicy: messenger.LosslessPeerReuse(), Connections: 128, InFlight: 64, MaxSize: 4 << 20, Ops: short(10000, 300),
			Drop: 20, Connect: 10, Urgent: 5})
	}},
	{"C14_SyntheticInjectTest", func(t *testing.T, s *suite) {
		RunLoad(t, s.Harness, Load{Servers: short(8, 2), Clients: short(32, 4), ServerPolicy: messenger.StatefulServer(),
			ClientPolicy: messenger.LosslessClient(), Connections: 128, InFlight: 64, MaxSize: 4 << 20, Ops: short(1000, 300),
			Drop: 10, Connect: 10, Urgent: 5, Throttle: 16 << 20,
			Faults: &Faults{Every: 30, DelayEvery: 100, Delay: 100 * time.Millisecond}})
	}},
	{"C15_SyntheticInjectTest2", func(t *testing.T, s *suite) {
		RunLoad(t, s.Harness, Load{Servers: short(8, 2), Clients: short(16, 4), ServerPolicy: messenger.LosslessPeerReuse(),
			ClientPolicy: messenger.LosslessPeerReuse(), Connections: 128, InFlight: 64, MaxSize: 4 << 20, Ops: short(1000, 300),
			Drop: 10, Connect: 10, Urgent: 5, Throttle: 16 << 20,
			Faults: &Faults{Every: 30, DelayEvery: 100, Delay: 100 * time.Millisecond}})
	}},
	{"C16_SyntheticInjectTest3", func(t *testing.T, s *suite) {
		RunLoad(t, s.Harness, Load{Servers: short(8, 2), Clients: short(32, 4), ServerPolicy: messenger.StatelessServer(),
			ClientPolicy: messenger.LossyClient(), Connections: 128, InFlight: 64, MaxSize: 4 << 20, Ops: short(1000, 300),
			Drop: 10, Connect: 10, Urgent: 5, Throttle: 16 << 20,
			Faults: &Faults{Every: 600, DelayEvery: 100, Delay: 100 * time.Millisecond}})
	}},
	{"C17_SyntheticInjectTest4", func(t *testing.T, s *suite) {
		RunLoad(t, s.Harness, Load{Servers: short(16, 2), Clients: short(32, 4), ServerPolicy: messenger.LosslessPeer(),
			ClientPolicy: messenger.LosslessPeer(), Connections: 128, InFlight: 64, MaxSize: 4 << 20, Ops: short(1000, 200),
			Connect: 10, Urgent: 5, Throttle: 16 << 20,
			Faults: &Faults{Every: 30, DelayEvery: 10, Delay: time.Duration(short(5000, 50)) * time.Millisecond}})
	}},
	{"R17_R18_LoadOfTheThread", func(t *testing.T, s *suite) {
		if !Long() {
			t.Skip("10,000 operations: with MESSENGER_TEST_LONG=1")
		}
		RunLoad(t, s.Harness, Load{Servers: 8, Clients: 32, ServerPolicy: messenger.StatefulServer(),
			ClientPolicy: messenger.LosslessClient(), Connections: 128, InFlight: 64, MaxSize: 4 << 20, Ops: 10000,
			Drop: 10, Connect: 10, Urgent: 5, Throttle: 16 << 20, Faults: &Faults{Every: 30}})
	}},
}
