package xio

import "time"

// orphanGrace is how long libxio may take to end what was given up while it connected.
// Answers that are on their way come sooner, and silent peers shall not keep a Context
// that closes.
const orphanGrace = time.Second

// gaveUp sees to it that nothing that was given up stays for long. Driver only.
func (c *Context) gaveUp() {
	if c.grace || c.cg.Orphans() == 0 {
		return
	}
	c.grace = true
	time.AfterFunc(orphanGrace, func() { c.post(c.dropOrphans) })
}

func (c *Context) dropOrphans() {
	if c.finished {
		return
	}
	c.cg.DropOrphans(orphanGrace)
	c.grace = false
	c.gaveUp()
}
