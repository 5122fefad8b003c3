// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a run is, if what it writes to is a terminal. One
// goroutine at a time.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil: nothing is shown
	n     uint64                   // messages to the end; 0: time counts
	total int64
}

func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{w: w}
	}
	return &progress{}
}

// start begins the bar of a measurement.
func (p *progress) start(o *options, size, depth, i, cells int) {
	p.n, p.total = o.n, o.duration.Milliseconds()
	if o.n > 0 {
		p.total = int64(o.n)
	}
	p.open(fmt.Sprintf("%s bytes, depth %d (%d of %d)", sizeText(size), depth, i, cells))
}

// startTime begins the bar of a run of known length.
func (p *progress) startTime(title string, length time.Duration) {
	p.n, p.total = 0, length.Milliseconds()
	p.open(title)
}

func (p *progress) open(title string) {
	if p.w == nil {
		return
	}
	total := p.total
	if total == 0 {
		total = -1 // no end known
	}
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(p.w),
		progressbar.OptionSetDescription(title),
		progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(total > 0),
		progressbar.OptionSpinnerType(14),
	)
	_ = p.bar.RenderBlank() // its clock starts here
}

// show moves the bar to where a phase is.
func (p *progress) show(ph *phase) {
	if p.bar == nil {
		return
	}
	if p.n > 0 {
		p.set(int64(ph.ended()))
	} else {
		p.set(ph.now().Milliseconds())
	}
}

// set moves the bar; an error would be a bar not drawn.
func (p *progress) set(at int64) {
	if p.bar != nil {
		if p.total > 0 {
			at = min(at, p.total)
		}
		_ = p.bar.Set64(at)
	}
}

// stop takes the bar away.
func (p *progress) stop() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}
