// SPDX-License-Identifier: Apache-2.0

// Package built tells tests how they were built, for they build the programs that
// they run in the same way.
package built

import (
	"runtime/debug"
	"slices"
	"strings"
)

// Flags are the flags of go build that change what a program does: sanitizers and
// tags.
func Flags() []string {
	var flags []string
	for _, key := range []string{"-race", "-msan", "-asan", "-tags"} {
		if v := setting(key); v != "" {
			flags = append(flags, key+"="+v)
		}
	}
	return flags
}

// Provider is the provider of package xio that follows from them.
func Provider() string {
	if slices.Contains(strings.Split(setting("-tags"), ","), "libxio") {
		return "libxio"
	}
	return "embedded"
}

func setting(key string) string {
	info, _ := debug.ReadBuildInfo() // nil without modules, which tests here have
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
