package xio

import (
	"time"

	"github.com/accelio/accelio-go/xio/cgo"
)

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
