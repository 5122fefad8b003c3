// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// readiness tells a select statement that a descriptor has become readable. Go's
// netpoller does the waiting, so no thread sits in a system call for it.
type readiness struct {
	C   <-chan struct{} // gets one value for each arm
	err error           // the wait failed; read it after a value from C

	f      *os.File
	again  chan struct{}
	done   chan struct{}
	signal chan struct{}
}

// watch prepares to wait for a descriptor that belongs to somebody else.
func watch(fd int) (*readiness, error) {
	// A descriptor of our own for the same thing: closing it leaves the
	// other alone.
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	if err := unix.SetNonblock(own, true); err != nil { // or the netpoller would not take it
		unix.Close(own)
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(own), "poll")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	signal := make(chan struct{}, 1)
	r := &readiness{C: signal, signal: signal, f: f, again: make(chan struct{}, 1), done: make(chan struct{})}
	go r.wait(raw)
	return r, nil
}

// arm asks for a value on C as soon as the descriptor is readable, which it may be
// already. Until that value has been received further calls do nothing more.
func (r *readiness) arm() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}

func (r *readiness) wait(raw syscall.RawConn) {
	defer close(r.done)
	for range r.again {
		err := raw.Read(func(fd uintptr) bool {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(fds, 0)
			return n != 0 || (err != nil && err != unix.EINTR)
		})
		if err != nil {
			r.err = err
		}
		r.signal <- struct{}{}
		if err != nil {
			return
		}
	}
}

// stop ends the waiting. Nobody may be in arm.
func (r *readiness) stop() {
	close(r.again)
	r.f.Close()
	select { // a value that nobody takes must not hold it up
	case <-r.signal:
	default:
	}
	<-r.done
}
