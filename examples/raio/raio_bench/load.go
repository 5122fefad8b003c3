// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/examples/raio"
)

const directFlag = syscall.O_DIRECT

// load keeps operations in flight, and counts and times them.
type load struct {
	c            *raio.Client
	f            *raio.File
	size         int64
	mode         string
	block, depth int
}

// run measures for a time. Each operation that ends starts another one, on the
// connection's driver, until the time is over.
func (l load) run(ctx context.Context, d time.Duration) (result, error) {
	blocks := l.size / int64(l.block)
	if blocks < 1 {
		return result{}, errors.New("the file is smaller than a block")
	}
	r := runner{load: l, blocks: blocks, latency: app.NewLatency(), rng: rand.New(rand.NewPCG(1, uint64(l.depth)))}
	r.random = strings.HasPrefix(l.mode, "rand")
	r.flying.Add(l.depth)
	r.began = time.Now()
	r.end = r.began.Add(d)
	r.ctx = ctx
	write := strings.HasSuffix(l.mode, "write")
	for range l.depth {
		s := &slot{}
		s.op = raio.Op{File: l.f, Write: write, Buf: make([]byte, l.block)}
		s.op.Done = func(*raio.Op) { r.done(s) }
		r.mu.Lock()
		r.next(s)
		r.mu.Unlock()
	}
	r.flying.Wait()
	if r.err != nil {
		return result{}, r.err
	}
	return result{Mode: l.mode, Block: l.block, Depth: l.depth, Ops: r.ops,
		Seconds: r.last.Sub(r.began).Seconds(), Percentiles: r.latency.Percentiles()}, nil
}

// slot is one operation in flight.
type slot struct {
	op    raio.Op
	start time.Time
}

type runner struct {
	load
	ctx        context.Context
	blocks     int64
	random     bool
	began, end time.Time
	flying     sync.WaitGroup

	mu      sync.Mutex // the first operations are not started by the driver
	rng     *rand.Rand
	at      int64
	ops     uint64
	last    time.Time
	err     error
	latency *app.Latency
}

// next starts an operation. The lock is held.
func (r *runner) next(s *slot) {
	i := r.at % r.blocks
	if r.random {
		i = r.rng.Int64N(r.blocks)
	}
	r.at++
	s.op.Off = i * int64(r.block)
	s.start = time.Now()
	if _, err := r.c.TrySubmit(&s.op); err != nil {
		r.stop(err)
	}
}

func (r *runner) stop(err error) {
	if r.err == nil {
		r.err = err
	}
	r.flying.Done()
}

func (r *runner) done(s *slot) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case s.op.Err != nil:
		r.stop(s.op.Err)
		return
	case s.op.N != len(s.op.Buf):
		r.stop(io.ErrUnexpectedEOF)
		return
	}
	r.ops++
	r.last = now
	r.latency.Record(now.Sub(s.start))
	if now.After(r.end) || r.err != nil || r.ctx.Err() != nil {
		r.flying.Done()
		return
	}
	r.next(s)
}
