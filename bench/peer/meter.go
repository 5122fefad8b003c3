// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// minSize has room for the stamps at both ends of a message.
const minSize = 16

// stamp writes the number of a request to both ends of its data.
func stamp(data []byte, n uint64) {
	binary.LittleEndian.PutUint64(data, n)
	binary.LittleEndian.PutUint64(data[len(data)-8:], n)
}

// stampOf reads the number of a message of the given size, after a look at its
// length and both ends.
func stampOf(data []byte, size int) (uint64, error) {
	if len(data) != size {
		return 0, fmt.Errorf("a message has %d bytes and not %d", len(data), size)
	}
	head, tail := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[size-8:])
	if head != tail {
		return 0, fmt.Errorf("a message begins with stamp %d and ends with %d", head, tail)
	}
	return head, nil
}

// meter measures one run of a client: after a time to warm up it takes the
// requests that are answered in the measured time, their latencies, the CPU
// time of both processes and this one's allocations. As in the C program, the
// time begins with the first answer after the warm-up and ends with the first
// one after its planned length. Answers that come later are awaited, not counted.
type meter struct {
	base      time.Time
	size      int
	warm      time.Duration
	seconds   time.Duration
	peerClock int32

	opened sync.Once
	ready  int64 // end of the warm-up, since base, like all times

	begun       sync.Once
	start, stop int64
	before      usage

	ended sync.Once
	last  int64
	after usage

	mu    sync.Mutex
	flows []*flow
}

// usage is what the processes have used so far.
type usage struct {
	own, peer int64 // CPU time in nanoseconds
	mallocs   uint64
}

func newMeter(o *options) (*meter, error) {
	m := &meter{size: o.size, warm: o.warm, seconds: o.seconds, peerClock: cpuClock(o.pid), base: time.Now()}
	if _, err := m.usage(); err != nil {
		return nil, err
	}
	return m, nil
}

// cpuClock is the clock of a process's CPU time, as clock_getcpuclockid makes it.
func cpuClock(pid int) int32 {
	const scheduled = 2
	return int32(^pid)<<3 | scheduled
}

func cpuTime(clock int32) (int64, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("CPU time of a process: %w", err)
	}
	return t.Nano(), nil
}

func (m *meter) usage() (u usage, err error) {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	u.mallocs = mem.Mallocs
	if u.own, err = cpuTime(unix.CLOCK_PROCESS_CPUTIME_ID); err != nil {
		return u, err
	}
	u.peer, err = cpuTime(m.peerClock)
	return u, err
}

func (m *meter) now() int64 { return int64(time.Since(m.base)) }

// flow is the account of one goroutine, or of several that never run at the
// same time.
type flow struct {
	m         *meter
	measuring bool
	now       int64 // when the last answer came; requests are sent right after
	verified  uint64
	counted   uint64                  // of verified: in the measured time
	latency   *hdrhistogram.Histogram // nil: not taken
	err       error
}

// timed is how many flows take latencies. Goroutines of a client are alike, and
// the histograms of hundreds would push everything else out of the cache.
const timed = 16

// flow opens an account. The first one opens the run: the connection is there.
func (m *meter) flow() *flow {
	m.opened.Do(func() {
		m.ready = m.now() + int64(m.warm)
	})
	f := &flow{m: m, now: m.now()}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.flows) < timed {
		f.latency = hdrhistogram.New(1, int64(time.Minute), 2)
	}
	m.flows = append(m.flows, f)
	return f
}

// slot is the place of one request in flight.
type slot struct {
	buf   []byte
	stamp uint64
	sent  int64
}

// slots makes n of them. Their stamps stay apart: stamp modulo n is the index.
func (m *meter) slots(n int) []slot {
	list := make([]slot, n)
	for i := range list {
		list[i] = slot{buf: make([]byte, m.size), stamp: uint64(i)}
	}
	return list
}

// begin makes the slot's next request, of which there are step in flight.
func (f *flow) begin(s *slot, step int) {
	s.stamp += uint64(step)
	stamp(s.buf, s.stamp)
	s.sent = f.now
}

// end verifies an answer and counts it. It says whether another request shall
// follow.
func (f *flow) end(s *slot, data []byte) (more bool, err error) {
	got, err := stampOf(data, f.m.size)
	if err != nil {
		return false, err
	}
	return f.endStamp(s, got)
}

// endStamp is end for an answer whose stamps were read already.
func (f *flow) endStamp(s *slot, got uint64) (more bool, err error) {
	if got != s.stamp {
		return false, fmt.Errorf("the answer has stamp %d, its request had %d", got, s.stamp)
	}
	f.verified++
	now := f.m.now()
	f.now = now
	if now < f.m.ready {
		return true, nil
	}
	if !f.measuring {
		f.measuring = true
		f.m.begun.Do(f.measure)
	}
	switch {
	case now < f.m.start:
		return true, f.err
	case now >= f.m.stop:
		last := false
		f.m.ended.Do(func() { last = true })
		if !last {
			return false, f.err
		}
		f.m.last = now
		f.m.after, f.err = f.m.usage()
	}
	f.counted++
	if f.latency != nil {
		f.latency.RecordValue(now - s.sent)
	}
	return now < f.m.stop, f.err
}

// measure begins the measured time. The answer that does it came before it.
func (f *flow) measure() {
	f.m.before, f.err = f.m.usage()
	f.m.start = f.m.now()
	f.m.stop = f.m.start + int64(f.m.seconds)
}

// report prints the values on one line.
func (m *meter) report(w io.Writer) error {
	var verified, counted uint64
	all := hdrhistogram.New(1, int64(time.Minute), 2)
	for _, f := range m.flows {
		verified += f.verified
		counted += f.counted
		if f.latency != nil {
			all.Merge(f.latency)
		}
	}
	if counted == 0 {
		return errors.New("no request was answered in the measured time")
	}
	n, secs := float64(counted), float64(m.last-m.start)/1e9
	own, peer := m.after.own-m.before.own, m.after.peer-m.before.peer
	us := func(ns int64) float64 { return float64(ns) / 1e3 }
	_, err := fmt.Fprintf(w, "messages=%d verified=%d seconds=%.3f rate=%.1f cpu_us=%.3f cpu_client_us=%.3f "+
		"cpu_server_us=%.3f p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f allocs=%.4f\n",
		counted, verified, secs, n/secs, us(own+peer)/n, us(own)/n, us(peer)/n,
		us(all.ValueAtQuantile(50)), us(all.ValueAtQuantile(99)), us(all.ValueAtQuantile(99.9)), us(all.Max()),
		float64(m.after.mallocs-m.before.mallocs)/n)
	return err
}

// settled is after how many requests a server's allocations are counted.
const settled = 1000

// serverMeter verifies what a server gets and counts the allocations of its
// steady state. It is safe for concurrent use.
type serverMeter struct {
	size    int
	served  atomic.Uint64
	mallocs atomic.Uint64 // when settled
}

// check verifies a request and counts it.
func (m *serverMeter) check(data []byte) {
	m.count(stampOf(data, m.size))
}

// count counts a request whose stamps were read already. A damaged one ends the
// process: not all of the libraries have a way to tell the client.
func (m *serverMeter) count(_ uint64, err error) {
	if err != nil {
		exit(err)
	}
	if m.served.Add(1) == settled {
		m.mallocs.Store(mallocs())
	}
}

func mallocs() uint64 {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return mem.Mallocs
}

// report prints the value, if there were enough requests for one.
func (m *serverMeter) report(w io.Writer) {
	if n := m.served.Load(); n > settled && m.mallocs.Load() > 0 {
		fmt.Fprintf(w, "server_allocs=%.4f\n", float64(mallocs()-m.mallocs.Load())/float64(n-settled))
	}
}
