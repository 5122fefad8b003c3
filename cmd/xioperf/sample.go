// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"

	"github.com/accelio/accelio-go/pool"
)

// sample is what a process holds at a moment; memory in bytes.
type sample struct {
	RSS        int64 `json:"rss" csv:"rss"`                 // all memory in RAM
	GoMemory   int64 `json:"go_memory" csv:"go_memory"`     // mapped by Go's runtime and not given back
	C          int64 `json:"c_memory" csv:"c_memory"`       // in RAM beyond Go's: C memory, pools and the program itself
	Pool       int64 `json:"pool_memory" csv:"pool_memory"` // registered memory of the default pool
	FDs        int64 `json:"fds" csv:"fds"`                 // open descriptors
	Goroutines int64 `json:"goroutines" csv:"goroutines"`
}

func takeSample() sample {
	s := sample{
		RSS:        residentBytes(),
		GoMemory:   goBytes(),
		Pool:       pool.Default().Stats().Held,
		FDs:        openFiles(),
		Goroutines: int64(runtime.NumGoroutine()),
	}
	s.C = max(0, s.RSS-s.GoMemory)
	return s
}

// residentBytes is the second field of statm; 0 if it cannot be read.
func residentBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	n, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return n * int64(os.Getpagesize())
}

func goBytes() int64 {
	m := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(m)
	return int64(m[0].Value.Uint64() - m[1].Value.Uint64())
}

// openFiles counts the descriptors, without the one it takes to count.
func openFiles() int64 {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return int64(len(names)) - 1
}
