package xio

import (
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Drive says who turns a Context, and how it waits for something to do.
type Drive int

// Ways to drive a Context.
const (
	// DriveAuto is a goroutine. While there is nothing to do it waits in Go's
	// netpoller, and costs no thread. While there is much to do it waits
	// inside the library, which is quicker: on a thread, for as long as
	// messages follow each other within a millisecond or so, and by no more
	// Contexts at a time than twice GOMAXPROCS.
	DriveAuto Drive = iota
	// DrivePark is a goroutine that always waits in Go's netpoller: fewer
	// threads, more time for an answer.
	DrivePark
	// DriveBusy is a goroutine that never waits. It keeps a processor busy for
	// every such Context, and answers soonest.
	DriveBusy
	// DriveManual leaves it to the application to call Turn, from a loop of
	// its own. Calls that wait for the Context, Dial and Close among them,
	// turn it themselves if nobody else does.
	DriveManual
)

// String names the way.
func (d Drive) String() string {
	switch d {
	case DriveAuto:
		return "auto"
	case DrivePark:
		return "park"
	case DriveBusy:
		return "busy"
	case DriveManual:
		return "manual"
	}
	return "unknown"
}

// waitMS is how long a hot driver waits inside the library at a time.
const waitMS = 1

// heat tells a driver when to wait inside the library. It becomes hot when it is
// woken several times in short order, and cold when nothing comes for a while.
type heat struct {
	last  time.Time
	wakes int
	slot  bool // one of the threads that may wait so is taken
}

const (
	hotWakes = 4 // in a row, each within
	hotGap   = time.Millisecond
	coldMS   = 3 // waits of waitMS without anything
)

// hotSlots counts the drivers that wait inside the library.
var hotSlots atomic.Int32

// woken notes that a parked driver found something to do, and says whether it
// has become hot.
func (h *heat) woken() bool {
	now := time.Now()
	if now.Sub(h.last) > hotGap {
		h.wakes = 0
	}
	h.last = now
	h.wakes++
	if h.wakes < hotWakes {
		return false
	}
	if hotSlots.Add(1) > int32(2*runtime.GOMAXPROCS(0)) {
		hotSlots.Add(-1)
		h.wakes = 0
		return false
	}
	h.slot = true
	return true
}

func (h *heat) cool() {
	if h.slot {
		hotSlots.Add(-1)
		h.slot = false
	}
	h.wakes = 0
}

// start starts the driver, if the Context has one of its own.
func (c *Context) start() error {
	if c.how == DriveManual {
		c.state.Store(parked)
		return nil
	}
	// So that errors come now and not when the first wait begins.
	f, err := pollFile(c.cg.PollFD())
	if err != nil {
		return &Error{Op: "context", Code: ErrUnsuccessful, Err: err}
	}
	started := make(chan error)
	go c.drive(f, started)
	return <-started
}

// drive is the driver's goroutine.
func (c *Context) drive(f *os.File, started chan<- error) {
	if len(c.cpus) > 0 {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if rc := cgo.PinThread(c.cpus); rc != 0 {
			f.Close()
			started <- &Error{Op: "context", Code: Code(rc), Text: "CPUs"}
			return
		}
	}
	started <- nil
	over := false
	for !over {
		switch {
		case c.how == DriveBusy:
			f.Close()
			over = c.busy()
		case f == nil:
			over = c.hot()
			if !over {
				f = c.file()
			}
		default:
			over = c.cold(f)
			f.Close()
			f = nil
		}
	}
	c.finishDrive()
}

// finishDrive lets go of the library's context, when everything on it is gone.
func (c *Context) finishDrive() {
	for c.wakers.Load() > 0 { // the state is running: there will be no more
		runtime.Gosched()
	}
	c.cg.Free()
	close(c.done)
	if !c.quietDone {
		close(c.quiet)
	}
	// Whatever was submitted last finds the Context gone.
	for s := c.subs.take(); s != nil; s = s.next {
		if s.kind == subFunc {
			s.fn()
		}
	}
}

// file is pollFile for a driver that needs it: without descriptors it waits until
// there is one.
func (c *Context) file() *os.File {
	for {
		f, err := pollFile(c.cg.PollFD())
		if err == nil {
			return f
		}
		c.log(nil).Error("xio: no descriptor to wait with", "error", err)
		time.Sleep(10 * time.Millisecond)
	}
}

// pollFile puts a duplicate of the poll descriptor into Go's netpoller, so that
// the library may close its own without Go knowing.
func pollFile(fd int) (*os.File, error) {
	syscall.ForkLock.RLock()
	dup, _, no := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	syscall.ForkLock.RUnlock()
	if no != 0 {
		return nil, os.NewSyscallError("fcntl", no)
	}
	if err := syscall.SetNonblock(int(dup), true); err != nil {
		syscall.Close(int(dup))
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(dup, "xio-poll")
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// cold drives with waits in Go's netpoller. It returns true when the Context is
// finished, false when it has become hot.
//
// It waits inside RawConn.Read. That call arms the netpoller first and then
// runs parkedTurn, so an event that arrives during a turn is kept and ends the
// wait that follows. The netpoller sees only changes of the poll descriptor:
// parkedTurn therefore lets it wait only when nothing is ready any more.
//
// A submission is not missed either: the state is set to parked before the
// submissions are looked at once more. Who submits after that finds the state
// parked and writes to an eventfd that the poll descriptor covers, which ends the
// wait whether it has begun or not.
func (c *Context) cold(f *os.File) (over bool) {
	raw, err := f.SyscallConn()
	if err == nil {
		err = raw.Read(func(uintptr) bool {
			var leave bool
			over, leave = c.parkedTurn()
			return over || leave
		})
	}
	if err != nil {
		// Only a descriptor closed under our feet does this.
		panic("xio: the netpoller failed: " + err.Error())
	}
	return over
}

// parkedTurn turns until there is nothing to do. leave says that the driver had
// better wait inside the library.
func (c *Context) parkedTurn() (over, leave bool) {
	c.state.Store(running)
	busy := false
	for {
		nops := c.fill()
		events, again := c.cg.Turn(nops)
		if c.handle(nops, events) {
			return true, false
		}
		busy = busy || nops > 0 || events > 0
		if c.yield() || again || c.backlog != nil || !c.subs.empty() {
			continue
		}
		if busy && c.how == DriveAuto && c.heat.woken() {
			return false, true
		}
		busy = false
		c.state.Store(parked)
		if c.subs.empty() {
			c.turns.parks.Add(1)
			return false, false
		}
		c.state.Store(running)
	}
}

// hot drives with waits inside the library. It returns true when the Context is
// finished, false when it has become cold.
func (c *Context) hot() (over bool) {
	defer c.heat.cool()
	c.state.Store(running)
	for vain := 0; vain < coldMS; {
		nops := c.fill()
		events := c.cg.TurnFor(nops, 0)
		if c.handle(nops, events) {
			return true
		}
		if c.yield() || events > 0 || c.backlog != nil || !c.subs.empty() {
			vain = 0
			continue
		}
		c.state.Store(parked)
		if !c.subs.empty() {
			c.state.Store(running)
			continue
		}
		c.turns.waits.Add(1)
		events = c.cg.TurnFor(0, waitMS)
		c.state.Store(running)
		if c.handle(0, events) {
			return true
		}
		vain++
		if c.yield() || events > 0 || !c.subs.empty() {
			vain = 0
		}
	}
	return false
}

// busy drives without any waits.
func (c *Context) busy() (over bool) {
	c.state.Store(running)
	for {
		nops := c.fill()
		events := c.cg.TurnFor(nops, 0)
		if c.handle(nops, events) {
			return true
		}
		if !c.yield() && events == 0 {
			runtime.Gosched()
		}
	}
}

// handle deals with what a turn brought. It returns true when the Context is
// finished.
func (c *Context) handle(nops, events int) (over bool) {
	c.settle()
	if events > 0 {
		c.now = clock()
	}
	for i := range events {
		c.event(i)
	}
	c.turns.add(nops, events)
	return c.closing && c.finish()
}

// yield lets those who got something go first: what they submit next joins one
// batch, and on a busy machine nobody starves.
func (c *Context) yield() bool {
	if !c.woke {
		return false
	}
	c.woke = false
	runtime.Gosched()
	return true
}
