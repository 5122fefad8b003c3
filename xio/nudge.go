// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"os"
	"time"
)

const (
	defaultNudge = time.Millisecond
	maxNudge     = 64 // times what was asked for, when nothing comes
)

// nudge ends the waits of a driver that has something of RDMA: libxio sleeps
// through completions that were there before it began to wait, on devices that do
// not speak up again for those, soft-RoCE for one. Where nothing comes the waits
// grow longer: such a completion is found soon after traffic or is not there.
// Driver only.
type nudge struct {
	every time.Duration // not above zero: never
	on    bool
	wait  time.Duration
	seen  int64    // Context.now at the last look
	file  *os.File // what the driver waits for, nil where it does not
}

// newNudge is what ContextOptions.Nudge says.
func newNudge(every time.Duration) nudge {
	if every == 0 {
		every = defaultNudge
	}
	return nudge{every: every}
}

// carriesRDMA takes note that something of RDMA is about to live on the Context.
func (c *Context) carriesRDMA() {
	if c.nudge.on || c.nudge.every <= 0 {
		return
	}
	c.nudge.on = true
	c.cg.PollCompletions()
	c.armNudge()
}

// armNudge bounds the driver's wait.
func (c *Context) armNudge() {
	n := &c.nudge
	if !n.on || n.file == nil {
		return
	}
	if n.seen != c.now || n.wait == 0 {
		n.seen, n.wait = c.now, n.every
	} else {
		n.wait = min(2*n.wait, maxNudge*n.every)
	}
	// A file that takes no deadline was refused when it was opened.
	_ = n.file.SetReadDeadline(time.Now().Add(n.wait))
}

// waitNudged is the wait of g, as often as it is nudged.
func (c *Context) waitNudged(g *pollGate) {
	c.nudge.file = g.file
	c.armNudge()
	for !g.wait() {
		c.armNudge()
	}
	c.nudge.file = nil
}
