// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxLatency is the top of the histograms; longer times count as this.
const maxLatency = 10 * time.Minute

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, maxLatency.Nanoseconds(), 3)
}

// recordTimes adds count equal times to h.
func recordTimes(h *hdrhistogram.Histogram, d time.Duration, count int64) {
	// Clamped to the histogram's range, so it cannot fail.
	_ = h.RecordValues(min(max(d, 1), maxLatency).Nanoseconds(), count)
}

// recorder collects what came of the messages of one connection. Any goroutine.
type recorder struct {
	mu       sync.Mutex
	latency  *hdrhistogram.Histogram
	messages uint64
	bytesIn  uint64
}

func newRecorders(n int) []*recorder {
	rs := make([]*recorder, n)
	for i := range rs {
		rs[i] = &recorder{latency: newHistogram()}
	}
	return rs
}

// record adds a message that ended well, with the data of its answer.
func (r *recorder) record(took time.Duration, bytesIn int) {
	r.mu.Lock()
	recordTimes(r.latency, took, 1)
	r.messages++
	r.bytesIn += uint64(bytesIn)
	r.mu.Unlock()
}

func (r *recorder) count() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages
}

// percentiles are times in microseconds.
type percentiles struct {
	Mean  float64 `json:"mean" csv:"mean"`
	P50   float64 `json:"p50" csv:"p50"`
	P90   float64 `json:"p90" csv:"p90"`
	P99   float64 `json:"p99" csv:"p99"`
	P999  float64 `json:"p99.9" csv:"p99.9"`
	P9999 float64 `json:"p99.99" csv:"p99.99"`
	Max   float64 `json:"max" csv:"max"`
}

func percentilesOf(h *hdrhistogram.Histogram) percentiles {
	at := func(q float64) float64 { return float64(h.ValueAtPercentile(q)) / 1000 }
	return percentiles{
		Mean:  h.Mean() / 1000,
		P50:   at(50),
		P90:   at(90),
		P99:   at(99),
		P999:  at(99.9),
		P9999: at(99.99),
		Max:   float64(h.Max()) / 1000,
	}
}

func (p percentiles) String() string {
	return fmt.Sprintf("%9.1f %9.1f %9.1f %9.1f %9.1f %9.1f", p.Mean, p.P50, p.P90, p.P99, p.P999, p.Max)
}
