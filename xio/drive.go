package xio

import (
	"math"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Drive says who turns a Context, and how it waits for something to do.
type Drive int

// Ways to drive a Context.
const (
	// DriveAuto is a goroutine. While there is nothing to do it waits in Go's
	// netpoller, and costs no thread. Before it waits it looks for up to 50 us
	// whether something comes, as long as that pays: to be woken takes longer
	// than most answers do. Where nothing comes in that time, and where others
	// need the processor, it soon stops doing so.
	DriveAuto Drive = iota
	// DrivePark is a goroutine that always waits in Go's netpoller: less work
	// for the processor where messages are few, more time for an answer.
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
	if c.how == DriveBusy {
		f.Close()
		c.look(forEver)
	} else {
		// The netpoller is told of every arrival, waited for or not: it does
		// not know the descriptor while the driver looks by itself.
		for !c.park(f) {
			f.Close()
			if c.look(lingerNS) {
				f = nil
				break
			}
			f = c.file()
		}
		if f != nil {
			f.Close()
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

// park drives with waits in Go's netpoller. It returns true when the Context is
// finished, false when the driver had better look before it waits.
//
// It waits inside RawConn.Read. That call arms the netpoller first and then
// runs turns, so an event that arrives during a turn is kept and ends the wait
// that follows. The netpoller sees only changes of the poll descriptor: turns
// therefore lets it wait only when nothing is ready any more.
//
// A submission is not missed either: the state is set to parked before the
// submissions are looked at once more. Who submits after that finds the state
// parked and writes to an eventfd that the poll descriptor covers, which ends the
// wait whether it has begun or not.
func (c *Context) park(f *os.File) (over bool) {
	raw, err := f.SyscallConn()
	if err == nil {
		err = c.nudged(f, func() error {
			return raw.Read(func(uintptr) bool {
				var look bool
				over, look = c.turns()
				return over || look
			})
		})
	}
	if err != nil {
		// Only a descriptor closed under our feet does this.
		panic("xio: the netpoller failed: " + err.Error())
	}
	return over
}

// turns turns until there is nothing to do.
func (c *Context) turns() (over, look bool) {
	c.state.Store(running)
	fed := false
	for n := 1; ; n++ {
		nops := c.fill()
		events, again := c.cg.Turn(nops)
		if c.handle(nops, events) {
			return true, false
		}
		fed = fed || events > 0
		again = c.yield() || again || c.backlog != nil || !c.subs.empty()
		// Where there is always more to do it is not for waiting either.
		if fed && c.how == DriveAuto && (!again || n%lookAfter == 0) && c.linger.due() {
			return false, true
		}
		if again {
			continue
		}
		fed = false
		c.state.Store(parked)
		if c.subs.empty() {
			c.counts.parks.Add(1)
			return false, false
		}
		c.state.Store(running)
	}
}

const (
	lookAfter = 8 // turns without a wait
	forEver   = math.MaxInt64
)

// look drives without waits, until nothing has come for so many nanoseconds. It
// returns true when the Context is finished. The state stays running.
func (c *Context) look(patience int64) (over bool) {
	c.state.Store(running)
	last := clock()
	for came := false; ; {
		nops := c.fill()
		events := c.cg.Look(nops)
		if c.handle(nops, events) {
			return true
		}
		if !c.yield() && events == 0 {
			runtime.Gosched() // others may have something to do
		}
		now := clock()
		spent := now - last
		switch {
		case patience == forEver:
		case spent >= lingerLostNS:
			c.linger.learn(came, spent)
			return false
		case events > 0 || nops > 0:
			came = true
			last = now
		case spent >= patience:
			c.linger.learn(came, spent)
			return false
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
	c.counts.add(nops, events)
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
