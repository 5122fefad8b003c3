// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"log/syslog"
)

type logger interface {
	info(line string)
	close()
}

// newLogger writes to the system's log in the background, else to standard
// output.
func newLogger(name string, background bool) logger {
	if !background {
		return stdout{}
	}
	w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, name)
	if err != nil {
		// A machine without a log daemon can run ours all the same.
		return nowhere{}
	}
	return system{w}
}

type stdout struct{}

func (stdout) info(line string) { fmt.Println(line) }
func (stdout) close()           {}

type system struct{ w *syslog.Writer }

func (s system) info(line string) { _ = s.w.Info(line) } // a lost line is no reason to end
func (s system) close()           { _ = s.w.Close() }

type nowhere struct{}

func (nowhere) info(string) {}
func (nowhere) close()      {}
