package xio

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pollGate lets a driver wait for the library's poll descriptor in Go's netpoller. It
// is an epoll instance of its own that the netpoller knows for good, with the poll
// descriptor in it while the gate is open. The netpoller tells of every arrival,
// waited for or not, and that costs: a driver that does not wait shuts the gate.
type pollGate struct {
	fd   int // the library's
	ep   int
	file *os.File
	raw  syscall.RawConn
	turn func(uintptr) bool
}

// newPollGate makes an open one; turn is what wait runs before it waits, until it
// returns true.
func newPollGate(fd int, turn func() bool) (*pollGate, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(ep, true); err != nil {
		unix.Close(ep)
		return nil, os.NewSyscallError("fcntl", err)
	}
	g := &pollGate{fd: fd, ep: ep, file: os.NewFile(uintptr(ep), "xio-poll"), turn: func(uintptr) bool { return turn() }}
	// Fails if the netpoller did not take it.
	if err = g.file.SetReadDeadline(time.Time{}); err == nil {
		g.raw, err = g.file.SyscallConn()
	}
	if err == nil {
		err = g.open()
	}
	if err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (g *pollGate) open() error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(g.ep, unix.EPOLL_CTL_ADD, g.fd, &ev))
}

func (g *pollGate) shut() {
	// It cannot fail: the descriptor is there.
	_ = unix.EpollCtl(g.ep, unix.EPOLL_CTL_DEL, g.fd, nil)
}

// wait waits, and runs turn before and whenever the poll descriptor has become
// readable, until turn returns true. turn runs with the netpoller armed, so what
// arrives meanwhile is kept and ends the wait that follows. The netpoller sees
// changes only: turn must return false only when nothing is ready any more. It
// returns false when the file's deadline ended it.
func (g *pollGate) wait() bool {
	err := g.raw.Read(g.turn)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		// Only a descriptor closed under our feet does this.
		panic("xio: the netpoller failed: " + err.Error())
	}
	return err == nil
}

func (g *pollGate) close() { g.file.Close() }
