// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"runtime"
)

// side is one of the two processes of a run.
type side int

const (
	serverSide side = iota
	clientSide
)

// bind gives the sides a half of the processors each. Left to itself the kernel
// puts both on one processor at times, and keeps them there for the whole run;
// which of the contenders that hits is chance.
func (c *config) bind(s side, name string, args []string) (string, []string) {
	if !c.bound {
		return name, args
	}
	first, last := 0, runtime.NumCPU()/2-1
	if s == clientSide {
		first, last = last+1, runtime.NumCPU()-1
	}
	return "taskset", append([]string{"-c", fmt.Sprintf("%d-%d", first, last), name}, args...)
}

// canBind says whether there is a half for each, and the program that gives it.
func canBind() bool {
	_, err := exec.LookPath("taskset")
	return err == nil && runtime.NumCPU() > 1
}
