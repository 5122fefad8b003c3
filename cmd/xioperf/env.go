// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/xio"
)

// environment is what a figure depends on beside the options.
type environment struct {
	Machine string `json:"machine" csv:"machine"` // processor
	CPUs    int    `json:"cpus" csv:"cpus"`       // that this process may use
	Kernel  string `json:"kernel" csv:"kernel"`
	Go      string `json:"go" csv:"go"`
	Engine  string `json:"engine" csv:"engine"`
	Version string `json:"engine_version" csv:"engine_version"`
	Linkage string `json:"engine_linkage" csv:"engine_linkage"`
	Program string `json:"program_version" csv:"program_version"`
}

func thisEnvironment() environment {
	e := xio.Engine()
	return environment{
		Machine: processor(),
		CPUs:    runtime.GOMAXPROCS(0),
		Kernel:  kernel(),
		Go:      runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
		Engine:  e.Provider,
		Version: e.Version,
		Linkage: e.Linkage,
		Program: version(),
	}
}

// processor is the name of the processor, or unknown: not every architecture
// tells it.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if key, value, ok := strings.Cut(sc.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// version is the version of this program, as the go command recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}

// cpuSeconds is the processor time this process has used.
func cpuSeconds() float64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
