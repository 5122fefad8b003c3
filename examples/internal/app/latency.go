// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency collects round-trip times. One goroutine at a time.
type Latency struct{ h *hdrhistogram.Histogram }

// maxLatency is the top of the histogram; longer times count as this.
const maxLatency = 10 * time.Minute

// NewLatency makes an empty collection, exact to three digits.
func NewLatency() *Latency {
	return &Latency{h: hdrhistogram.New(1, maxLatency.Nanoseconds(), 3)}
}

// Record adds one time.
func (l *Latency) Record(d time.Duration) {
	// Clamped to the histogram's range, so it cannot fail.
	_ = l.h.RecordValue(min(max(d, 1), maxLatency).Nanoseconds())
}

// Percentiles are times in microseconds.
type Percentiles struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
}

// Percentiles sums up what was recorded.
func (l *Latency) Percentiles() Percentiles {
	us := func(ns int64) float64 { return float64(ns) / 1000 }
	return Percentiles{
		Mean: l.h.Mean() / 1000,
		P50:  us(l.h.ValueAtPercentile(50)),
		P90:  us(l.h.ValueAtPercentile(90)),
		P99:  us(l.h.ValueAtPercentile(99)),
		P999: us(l.h.ValueAtPercentile(99.9)),
		Max:  us(l.h.Max()),
	}
}

// String is the percentiles on one line.
func (p Percentiles) String() string {
	return fmt.Sprintf("p50 %.1f us, p90 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us",
		p.P50, p.P90, p.P99, p.P999, p.Max)
}
