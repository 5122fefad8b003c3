// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync"
)

// counts is what came of the messages of a soak.
type counts struct {
	Connections uint64 `json:"connections"` // opened
	Requests    uint64 `json:"requests"`    // that arrived, sound
	Answers     uint64 `json:"answers"`     // that arrived, sound
	OneWays     uint64 `json:"one_ways"`    // that arrived, sound
	Bytes       uint64 `json:"bytes"`       // of data in all of them
	CutOff      uint64 `json:"cut_off"`     // in flight when their connection was closed on purpose

	Lost       uint64 `json:"lost"`
	Duplicated uint64 `json:"duplicated"`
	Damaged    uint64 `json:"damaged"`
	Reordered  uint64 `json:"reordered"`
	Broken     uint64 `json:"broken"` // connections that could not be opened, or ended by themselves
}

// each walks the fields of two counts.
func (c *counts) each(d counts, f func(a *uint64, b uint64)) {
	f(&c.Connections, d.Connections)
	f(&c.Requests, d.Requests)
	f(&c.Answers, d.Answers)
	f(&c.OneWays, d.OneWays)
	f(&c.Bytes, d.Bytes)
	f(&c.CutOff, d.CutOff)
	f(&c.Lost, d.Lost)
	f(&c.Duplicated, d.Duplicated)
	f(&c.Damaged, d.Damaged)
	f(&c.Reordered, d.Reordered)
	f(&c.Broken, d.Broken)
}

func (c counts) plus(d counts) counts {
	c.each(d, func(a *uint64, b uint64) { *a += b })
	return c
}

func (c counts) minus(d counts) counts {
	c.each(d, func(a *uint64, b uint64) { *a -= b })
	return c
}

func (c counts) faults() uint64 {
	return c.Lost + c.Duplicated + c.Damaged + c.Reordered + c.Broken
}

func (c counts) faultText() string {
	return fmt.Sprintf("%d lost, %d duplicated, %d damaged, %d reordered, %d connections broken",
		c.Lost, c.Duplicated, c.Damaged, c.Reordered, c.Broken)
}

// tally is counts that many goroutines add to.
type tally struct {
	mu    sync.Mutex
	now   counts
	first string // the first fault, in words
}

func (t *tally) add(c counts) {
	t.mu.Lock()
	t.now = t.now.plus(c)
	t.mu.Unlock()
}

// fault adds what went wrong.
func (t *tally) fault(c counts, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = t.now.plus(c)
	if t.first == "" {
		t.first = fmt.Sprintf(format, args...)
	}
}

func (t *tally) read() (counts, string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now, t.first
}
