// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"time"
)

// StartMeter calls show once a second with the rate at which count grows, and at
// stop with the average of the whole time. stop returns when show has.
func StartMeter(count func() uint64, show func(perSecond float64)) (stop func()) {
	quit := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		began := time.Now()
		at, last := began, uint64(0)
		for {
			select {
			case now := <-tick.C:
				n := count()
				show(float64(n-last) / now.Sub(at).Seconds())
				at, last = now, n
			case <-quit:
				show(float64(count()) / time.Since(began).Seconds())
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// Bandwidth is what so many messages of size bytes make, in the C programs'
// megabytes of 2^20 bytes.
func Bandwidth(perSecond float64, size int) string {
	return fmt.Sprintf("%.2f MB/s", perSecond*float64(size)/(1<<20))
}
