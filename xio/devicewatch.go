// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"net/netip"
	"syscall"
	"time"
)

// deviceWatch ends what was on RDMA devices that have gone. libxio notices such a loss,
// but ends nothing by itself, neither connections nor messages, and its keepalive does
// not either. Driver only.
type deviceWatch struct {
	on    bool
	seen  map[netip.Addr]bool // addresses whose devices are known
	timer *time.Timer
	due   submission
}

// deviceLook is how often a Context with something over RDMA looks for the devices.
const deviceLook = time.Second

// deviceGrace is how long libxio may take to end a connection whose device has gone; it
// takes one second for what it ends.
const deviceGrace = 2 * time.Second

// watchDevice looks after the device of a local address from now on.
func (c *Context) watchDevice(local netip.Addr) {
	w := &c.watch
	if !w.seen[local] && local.IsValid() && !local.IsUnspecified() {
		if w.seen == nil {
			w.seen = map[netip.Addr]bool{}
		}
		w.seen[local] = true
		go rdmaDevices.learn(local)
	}
	if !w.on {
		w.on = true
		c.lookForDevices()
	}
}

// lookForDevices makes the next look, with what the first one made.
func (c *Context) lookForDevices() {
	w := &c.watch
	if w.timer != nil {
		w.timer.Reset(deviceLook)
		return
	}
	w.due.fn = c.endLost
	w.timer = time.AfterFunc(deviceLook, func() { c.push(&w.due, subFunc) })
}

// endLost looks on while anything is left over RDMA.
func (c *Context) endLost() {
	if c.finished {
		return
	}
	var asked netip.Addr // mostly all have the same
	var name string
	lost := func(a netip.Addr) string {
		if a != asked {
			asked, name = a, rdmaDevices.lost(a)
		}
		return name
	}
	c.watch.on = false
	for _, conn := range c.conns {
		if conn != nil && conn.rdma && !conn.torn && !conn.deviceLost(lost(conn.local.Addr())) {
			c.watch.on = true
		}
	}
	for l := range c.servers {
		if l.server.rdma() && !l.stopped && !l.lost && !l.deviceLost(lost(l.addr)) {
			c.watch.on = true
		}
	}
	if c.watch.on {
		c.lookForDevices()
	}
}

// deviceLost ends a connection whose device of that name has gone, if there is a name.
// libxio mostly returns what is in flight when it has waited for the peer's agreement
// in vain, and never ends what waits for its device.
func (c *Connection) deviceLost(name string) bool {
	if name == "" || c.deviceGone {
		return c.deviceGone
	}
	c.deviceGone = true
	c.endWithin(deviceGrace)
	c.setDown(&Error{Op: "connection", URI: c.uri, Code: ErrSessionDisconnected, Errno: syscall.ENODEV, Text: deviceLostText(name)})
	c.ctx.cg.Poison()
	c.cg.SetCloseTime(1)
	c.cg.Disconnect()
	return true
}

// blame makes err one of the device's loss, if that is behind it.
func (c *Connection) blame(err *Error) *Error {
	if !c.rdma {
		return err
	}
	if !c.isDown && err.Code.Errno() != 0 {
		c.deviceLost(rdmaDevices.lost(c.local.Addr()))
	}
	why := c.err.Load()
	if why == nil || why.Errno != syscall.ENODEV {
		return err
	}
	if err.Code.Errno() != 0 { // libxio did not take it
		err.Code = why.Code
	}
	err.Errno, err.Text = why.Errno, why.Text
	return err
}

// deviceLost says that nobody comes to a listener any more, if its device has gone.
func (l *listener) deviceLost(name string) bool {
	if name == "" {
		return false
	}
	l.lost = true
	l.ctx.cg.Poison()
	l.ctx.log(l.server.cfg.Logger).Error("xio: a server cannot be reached any more", "address", l.addr, "port", l.port, "reason", deviceLostText(name))
	return true
}

func deviceLostText(name string) string {
	return "the RDMA device " + name + " has gone; libxio looks for devices once, so start the program again when 'rdma link' shows it"
}
