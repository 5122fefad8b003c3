// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timer is the real clock. Its wait is on a timerfd in Go's netpoller: that
// costs no thread, and wakes within microseconds where time.Sleep may be a
// millisecond late.
type timer struct {
	began time.Time
	file  *os.File
	raw   syscall.RawConn
}

// newTimer makes a clock that shows 0 now.
func newTimer() (*timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timer: %w", err)
	}
	t := &timer{file: os.NewFile(uintptr(fd), "timer")}
	if t.raw, err = t.file.SyscallConn(); err != nil {
		t.file.Close()
		return nil, err
	}
	t.began = time.Now()
	return t, nil
}

func (t *timer) now() time.Duration { return time.Since(t.began) }

// wait implements clock; one goroutine at a time.
func (t *timer) wait(at time.Duration) {
	var expirations [8]byte
	for d := at - t.now(); d > 0; d = at - t.now() {
		if t.set(d) != nil {
			return // closed
		}
		if _, err := t.file.Read(expirations[:]); err != nil {
			return // stopped
		}
	}
}

func (t *timer) set(d time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	var err error
	if cerr := t.raw.Control(func(fd uintptr) {
		err = unix.TimerfdSettime(int(fd), 0, &spec, nil)
	}); cerr != nil {
		return cerr
	}
	return err
}

func (t *timer) stop() { _ = t.file.SetReadDeadline(time.Unix(1, 0)) }

// close gives the descriptor back. Any goroutine; who waits returns.
func (t *timer) close() { t.file.Close() }
