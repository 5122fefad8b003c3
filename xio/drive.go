package xio

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Drive says who turns a Context, and how it waits for something to do.
type Drive int

// Ways to drive a Context.
const (
	// DriveAuto is a goroutine. While there is nothing to do it waits in Go's
	// netpoller, and costs no thread. Before it waits it looks whether something
	// comes, for 50 us, or up to 300 us where batches are long, as long as that
	// pays: to be woken takes longer than most answers do. Where nothing comes in
	// that time, and where others need the processor, it soon stops doing so.
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

// String names the way: "auto", "park", "busy", "manual".
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
	started := make(chan error)
	go c.drive(started)
	return <-started
}

// drive is the driver's goroutine.
func (c *Context) drive(started chan<- error) {
	if len(c.cpus) > 0 {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if rc := cgo.PinThread(c.cpus); rc != 0 {
			started <- &Error{Op: "context", Code: Code(rc), Text: "CPUs"}
			return
		}
	}
	if c.how == DriveBusy {
		started <- nil
		c.look()
	} else {
		var over bool
		g, err := newPollGate(c.cg.PollFD(), func() (stop bool) {
			over, stop = c.turns()
			return over || stop
		})
		if err != nil {
			started <- &Error{Op: "context", Code: ErrUnsuccessful, Err: err}
			return
		}
		started <- nil
		c.driveGate(g, &over)
		g.close()
	}
	c.finishDrive()
}

// driveGate drives with waits at g, whose turn sets over when the Context is
// finished, and otherwise ends the wait when the driver had better look.
//
// A submission is not missed: the state is set to parked before the submissions
// are looked at once more. Who submits after that finds the state parked and writes
// to an eventfd that the poll descriptor covers, which ends the wait whether it has
// begun or not.
func (c *Context) driveGate(g *pollGate, over *bool) {
	for {
		c.waitNudged(g)
		if *over {
			return
		}
		g.shut()
		if c.look() {
			return
		}
		for err := g.open(); err != nil; err = g.open() {
			c.log(nil).Error("xio: no way to wait", "error", err)
			time.Sleep(10 * time.Millisecond)
		}
	}
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

// turns turns until there is nothing to do.
func (c *Context) turns() (over, look bool) {
	c.state.Store(running)
	fed := false
	for n := 1; ; n++ {
		nops := c.fill()
		events, again := c.cg.Turn(nops, c.read)
		if c.handle(nops, events) {
			return true, false
		}
		fed = fed || events > 0
		again = c.yield() || again || c.read < events || c.backlog != nil || !c.subs.empty()
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
	lookAfter  = 8      // turns without a wait
	splitLeast = 96     // events; halves of fewer cost more than they gain
	splitNS    = 50_000 // of handlers; parts that took less cost more than they gain
	splitLook  = 8      // events between looks at the clock
	yieldNS    = 1_000_000
)

// look drives without waits, until nothing has come for a while; for ever with
// DriveBusy. It returns true when the Context is finished.
//
// The peer is likely to need as long for its part as this side did: who worked for
// long on a batch waits longer for its answer.
func (c *Context) look() (over bool) {
	c.state.Store(looking)
	defer c.state.Store(running)
	now := clock()
	last, yielded := now, now
	var work int64 // since nothing came
	came, idle, woke := false, false, false
	for {
		start := now
		atomic.StoreUint32(&c.more, 0) // before the submissions are taken
		nops := c.fill()
		var events int
		if woke {
			events = c.cg.Look(nops, c.read, nil)
		} else {
			events = c.cg.Look(nops, c.read, &c.more)
		}
		if c.handle(nops, events) {
			return true
		}
		if events > 0 {
			woke = c.woke
		}
		c.woke = false
		now = clock()
		// Where goroutines wait for answers, yielding also keeps the runtime's
		// other threads awake: to wake one with the answer at hand takes longer
		// than the peer took for it.
		if woke || now-yielded >= yieldNS {
			runtime.Gosched()
			now = clock()
			yielded = now
		}
		switch {
		case events > 0 || nops > 0:
			if idle {
				work = 0
			}
			work += now - start
			came, idle, last = true, false, now
		case c.how == DriveBusy:
		case now-start >= lingerLostNS || now-last >= max(lingerNS, min(2*work, lingerMostNS)):
			c.linger.learn(came, now-start >= lingerLostNS)
			return false
		default:
			idle = true
		}
	}
}

// handle deals with what a turn brought. It returns true when the Context is
// finished.
//
// If everything that was in flight has come back at once, the peer has nothing to do
// until more goes out. The first half is handled and goes out with the next turn then,
// and the peer works on that while the other half is handled; from there on the two
// sides take turns with the halves. Likewise where handlers take long: what the first
// of a batch have sent does not wait for the last.
func (c *Context) handle(nops, events int) (over bool) {
	c.settle()
	c.read = events
	if events >= splitLeast && 0 < c.inFlight && c.inFlight <= events {
		c.read = (events + 1) / 2
	}
	if events > 0 {
		c.now = clock()
	}
	for i := 0; i < c.read; i++ {
		c.event(i)
		if i%splitLook == splitLook-1 && i+1 < c.read && !c.subs.empty() && clock()-c.now >= splitNS {
			c.read = i + 1
		}
	}
	c.tally.flush()
	c.wakeFirst()
	c.counts.add(nops, c.read)
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

// wakeUp makes the goroutine that waits for cl go on, after the batch.
//
// Those whose answers came together wake one another in turn. Woken at once they
// are spread over the machine, and what they send next comes in drops.
func (c *Context) wakeUp(cl *call) {
	c.woke = true
	if c.first == nil {
		c.first = cl
	} else {
		c.last.behind = cl
	}
	c.last = cl
}

func (c *Context) wakeFirst() {
	if cl := c.first; cl != nil {
		c.first, c.last = nil, nil
		cl.done <- struct{}{}
	}
}
