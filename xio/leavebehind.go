package xio

import (
	"time"

	"github.com/accelio/accelio-go/xio/cgo"
)

// closeGrace is how much longer than CloseTimeout libxio may take to end a connection that
// was closed. Over RDMA it forgets, now and then, one whose peer closed it as well while
// thousands of its requests were unanswered.
const closeGrace = 5 * time.Second

// endWithin leaves the connection behind if the library has not ended it by then. Driver
// only.
func (c *Connection) endWithin(d time.Duration) {
	if cgo.Kin() {
		return
	}
	if c.bound != nil {
		c.bound.Reset(d)
		return
	}
	c.bound = time.AfterFunc(d, func() {
		c.ctx.post(func() {
			if !c.torn {
				c.cg.Leave()
			}
		})
	})
}

// lastGrace is how long a Context that closes waits for the last events of sessions
// whose connections have all ended. They follow at once, but libxio forgets that of a
// session whose client leaves, over RDMA, while it is being turned away.
const lastGrace = 3 * time.Second

// waitForLast bounds the wait. Driver only.
func (c *Context) waitForLast() {
	if c.patient || cgo.Kin() {
		return
	}
	c.patient = true
	time.AfterFunc(lastGrace, func() {
		c.post(func() {
			if !c.finished {
				c.cg.Poison()
			}
		})
	})
}

// leaveBehind ends what the library will not end any more. Driver only.
func (c *Context) leaveBehind() {
	for _, s := range c.sessions {
		s.end(c)
	}
	for l := range c.servers {
		if l == l.server.lead {
			l.server.ended()
		} else {
			l.forget()
		}
	}
}
