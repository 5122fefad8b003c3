// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accelio/accelio-go/pool"
)

// poolReader reads a Pool, into memory it keeps for that.
type poolReader struct {
	pool *pool.Pool

	mu    sync.Mutex
	stats pool.Stats
}

var (
	poolBuffers  = desc("xio_pool_buffers", "Buffers not yet released.", "pool")
	poolBytes    = desc("xio_pool_bytes", "Registered memory: in blocks behind buffers, in blocks that caches keep, in regions without use, and other.", "pool", "state")
	poolLimit    = desc("xio_pool_limit_bytes", "Most registered memory there may be.", "pool")
	poolWaiting  = desc("xio_pool_waiting", "Gets that wait for room.", "pool")
	poolGets     = desc("xio_pool_gets_total", "Buffers handed out.", "pool")
	poolHits     = desc("xio_pool_hits_total", "Buffers handed out of caches.", "pool")
	poolWaits    = desc("xio_pool_waits_total", "Gets that had to wait.", "pool")
	poolWaited   = desc("xio_pool_wait_seconds_total", "How long, all of them together.", "pool")
	poolFailures = desc("xio_pool_failures_total", "Gets without a buffer: given up by their context, or out of room or memory.", "pool", "reason")
	poolRegions  = desc("xio_pool_regions_total", "Regions got from the system and given back to it.", "pool", "change")
	classBlocks  = desc("xio_pool_class_blocks", "Blocks of a size class.", "pool", "size", "state")
	classWaiting = desc("xio_pool_class_waiting", "Gets that wait for a size class.", "pool", "size")
)

func (r *poolReader) collect(ch chan<- prometheus.Metric, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.stats
	r.pool.ReadStats(s)
	gauge(ch, poolBuffers, float64(s.Buffers), name)
	gauge(ch, poolBytes, float64(s.InUse), name, "used")
	gauge(ch, poolBytes, float64(s.Cached), name, "cached")
	gauge(ch, poolBytes, float64(s.Idle), name, "idle")
	gauge(ch, poolBytes, float64(s.Held-s.InUse-s.Cached-s.Idle), name, "other")
	gauge(ch, poolLimit, float64(s.Limit), name)
	gauge(ch, poolWaiting, float64(s.Waiting), name)
	counter(ch, poolGets, float64(s.Gets), name)
	counter(ch, poolHits, float64(s.Hits), name)
	counter(ch, poolWaits, float64(s.Waits), name)
	counter(ch, poolWaited, s.WaitTime.Seconds(), name)
	counter(ch, poolFailures, float64(s.GaveUp), name, "gave_up")
	counter(ch, poolFailures, float64(s.Exhausted), name, "exhausted")
	counter(ch, poolFailures, float64(s.NoMemory), name, "no_memory")
	counter(ch, poolRegions, float64(s.Grows), name, "grow")
	counter(ch, poolRegions, float64(s.Shrinks), name, "shrink")
	for i := range s.Classes {
		c := &s.Classes[i]
		size := strconv.Itoa(c.Size)
		gauge(ch, classBlocks, float64(c.InUse), name, size, "used")
		gauge(ch, classBlocks, float64(c.Cached), name, size, "cached")
		gauge(ch, classBlocks, float64(c.Free), name, size, "free")
		gauge(ch, classWaiting, float64(c.Waiting), name, size)
	}
}
