// SPDX-License-Identifier: Apache-2.0

package netns

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// exitStill is the exit code of tests that failed while the machine did not run
// them: virtual machines are stopped for seconds and more, and then every clock of
// the protocol has run out at once.
const exitStill = 75

// attempts is how often tests are run that the machine did not let run.
const attempts = 3

// watched are the tests, and a watch on the machine meanwhile.
type watched struct{ m *testing.M }

func (w watched) Run() int {
	var longest atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			now := time.Now()
			longest.Store(max(longest.Load(), int64(now.Sub(last))))
			last = now
		}
	}()
	code := w.m.Run()
	close(stop)
	<-stopped
	if still := time.Duration(longest.Load()); code != 0 && still >= keepalive.Interval {
		fmt.Printf("the machine stood still for %v meanwhile\n", still.Round(time.Millisecond))
		return exitStill
	}
	return code
}
