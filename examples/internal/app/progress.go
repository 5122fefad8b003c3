// SPDX-License-Identifier: Apache-2.0

package app

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress shows how far a run is: a bar where an end is known, a counting line
// where not. It writes to standard error, and only if that is a terminal.
type Progress struct {
	bar  *progressbar.ProgressBar
	quit chan struct{}
	done chan struct{}
}

// StartProgress shows count, of total requests (0: no end known), until Stop.
func StartProgress(title string, total uint64, count func() uint64) *Progress {
	return start(title, total, count, progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("requests"))
}

// StartByteProgress is StartProgress of bytes.
func StartByteProgress(title string, total uint64, count func() uint64) *Progress {
	return start(title, total, count, progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true))
}

func start(title string, total uint64, count func() uint64, unit ...progressbar.Option) *Progress {
	p := &Progress{quit: make(chan struct{}), done: make(chan struct{})}
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		close(p.done)
		return p
	}
	limit := int64(-1)
	interval := time.Second
	if total > 0 {
		limit = int64(total)
		interval = 200 * time.Millisecond
	}
	p.bar = progressbar.NewOptions64(limit, append(unit,
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetDescription(title),
		progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSpinnerType(14),
	)...)
	_ = p.bar.RenderBlank() // its clock starts here
	go p.run(interval, count)
	return p
}

// Clear makes room for a line of output. Any goroutine.
func (p *Progress) Clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *Progress) run(interval time.Duration, count func() uint64) {
	defer close(p.done)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = p.bar.Set64(int64(count())) // an error here is a bar not drawn
		case <-p.quit:
			_ = p.bar.Finish()
			return
		}
	}
}

// Stop takes the bar away. Call it once.
func (p *Progress) Stop() {
	close(p.quit)
	<-p.done
}
