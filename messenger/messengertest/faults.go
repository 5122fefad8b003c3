// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// ErrFault is what injected failures are.
var ErrFault = errors.New("messengertest: injected failure")

// Faults is an Injector that makes about one of Every operations fail, and delays
// some others. It is safe for concurrent use.
type Faults struct {
	// Every is how many operations there are to a failure. Zero: none fails.
	Every int
	// DelayEvery is how many operations there are to a delay of up to Delay.
	DelayEvery int
	Delay      time.Duration
	// Seed makes the same choices again, for operations in the same order.
	Seed uint64

	mu     sync.Mutex
	rng    *rand.Rand
	failed int
	off    bool
}

// SocketOp implements messenger.Injector.
func (f *Faults) SocketOp(ctx context.Context) error {
	f.mu.Lock()
	if f.off {
		f.mu.Unlock()
		return nil
	}
	if f.rng == nil {
		f.rng = rand.New(rand.NewPCG(f.Seed, 1))
	}
	fail := f.Every > 0 && f.rng.IntN(f.Every) == 0
	var wait time.Duration
	if !fail && f.DelayEvery > 0 && f.rng.IntN(f.DelayEvery) == 0 {
		wait = time.Duration(f.rng.Int64N(int64(f.Delay) + 1))
	}
	if fail {
		f.failed++
	}
	f.mu.Unlock()
	if fail {
		return ErrFault
	}
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// Failed is how many operations have been made to fail.
func (f *Faults) Failed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// Stop ends all mischief.
func (f *Faults) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = true
}
