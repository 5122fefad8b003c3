// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio/cgo"
)

// fakeDevice gives the loopback device an RDMA device, and returns what takes it away.
func fakeDevice(t *testing.T) (remove func()) {
	t.Helper()
	if overRDMA() {
		t.Skip("not over RDMA: the devices of this test are not real")
	}
	_, netdev := loopback(t)
	root := sysfs(t, map[string]string{
		"infiniband_verbs/uverbs0/ibdev":             "fake0",
		"infiniband/fake0/ports/1/gid_attrs/ndevs/0": netdev,
	})
	real := rdmaDevices
	rdmaDevices = &deviceTable{sys: root}
	t.Cleanup(func() { rdmaDevices = real })
	return func() { require.NoError(t, os.RemoveAll(filepath.Join(root, "infiniband_verbs/uverbs0"))) }
}

// pretend makes a connection over TCP one that looks after its RDMA device.
func pretend(c *Connection) {
	c.ctx.do(func() {
		c.rdma = true
		c.ctx.watchDevice(c.local.Addr())
	})
}

// What was on a device that has gone ends, and nothing else does.
func TestDeviceLoss(t *testing.T) {
	checkLeaks(t, false) // contexts are left behind
	remove := fakeDevice(t)
	g := newGate()
	s := listen(t, ListenConfig{}, g)
	lost, other := dial(t, Dialer{}, s), dial(t, Dialer{}, s)
	pretend(lost)
	result := make(chan error, 1)
	go func() {
		_, err := lost.Call(testContext(t), &Message{})
		result <- err
	}()
	eventually(t, "the request is there", func() bool { return g.arrived.Load() > 0 })
	rdmaDevices.learn(lost.local.Addr())
	remove()

	told := func(err error, code Code) {
		t.Helper()
		require.ErrorIs(t, err, syscall.ENODEV)
		require.ErrorIs(t, err, code)
		assert.ErrorContains(t, err, "the RDMA device fake0 has gone")
		assert.ErrorContains(t, err, "'rdma link'")
	}
	<-lost.Done()
	told(lost.Err(), ErrSessionDisconnected)
	told(<-result, ErrMsgFlushed)
	_, err := lost.Call(testContext(t), &Message{})
	told(err, ErrSessionDisconnected)
	close(g.open)
	require.NoError(t, lost.Close())

	rsp, err := other.Call(testContext(t), &Message{Data: []byte("still here")})
	require.NoError(t, err)
	assert.Equal(t, "still here", string(rsp.Data()))
	rsp.Release()
}

// A send that fails does not wait for the next look, and is not blamed on anything else.
func TestDeviceLossIsBlamed(t *testing.T) {
	checkLeaks(t, false)
	remove := fakeDevice(t)
	s := listen(t, ListenConfig{}, echo)
	c := dial(t, Dialer{}, s)
	rdmaDevices.learn(c.local.Addr())
	blamed := func(code Code) (e *Error) {
		c.ctx.do(func() { e = c.blame(&Error{Op: "call", Code: code}) })
		return e
	}
	require.Equal(t, &Error{Op: "call", Code: Code(syscall.EMSGSIZE)}, blamed(Code(syscall.EMSGSIZE)))
	c.ctx.do(func() { c.rdma = true })
	require.Equal(t, &Error{Op: "call", Code: Code(syscall.EMSGSIZE)}, blamed(Code(syscall.EMSGSIZE)))
	remove()
	require.Equal(t, &Error{Op: "call", Code: ErrMsgSize}, blamed(ErrMsgSize), "the library's own errors say nothing of the device")
	require.Equal(t, StateUp, c.State())
	require.Equal(t, &Error{Op: "call", Code: ErrSessionDisconnected, Errno: syscall.ENODEV, Text: deviceLostText("fake0")}, blamed(Code(syscall.EMSGSIZE)))
	<-c.Done()
}

// A server that nobody reaches any more says so, once.
func TestDeviceLossOfAServer(t *testing.T) {
	checkLeaks(t, false)
	remove := fakeDevice(t)
	var log recorder
	written := func() []string {
		log.mu.Lock()
		defer log.mu.Unlock()
		return slices.Clone(log.lines)
	}
	s := listen(t, ListenConfig{Logger: slog.New(&log)}, echo)
	rdmaDevices.learn(s.lead.addr)
	s.lead.ctx.do(func() {
		s.scheme = "rdma"
		s.lead.ctx.watchDevice(s.lead.addr)
	})
	remove()
	eventually(t, "a line of the log", func() bool { return len(written()) > 0 })
	eventually(t, "no further look", func() (idle bool) {
		s.lead.ctx.do(func() { idle = !s.lead.ctx.watch.on })
		return idle
	})
	assert.Equal(t, []string{"ERROR xio: a server cannot be reached any more"}, written())
}

// Where the library never ends a connection, all that was on it ends by itself.
func TestConnectionLeftBehind(t *testing.T) {
	checkLeaks(t, false)
	g := newGate()
	s := listen(t, ListenConfig{CloseTimeout: time.Second}, HandlerFunc(func(r *Request) {
		if r.Len() > 0 {
			echo(r)
			return
		}
		g.ServeXIO(r)
	}))
	c := dial(t, Dialer{CopyResponse: -1}, s)
	kept, err := c.Call(testContext(t), &Message{Data: []byte("kept")})
	require.NoError(t, err)
	const n = 8
	ends := make(chan error, n)
	for range n {
		require.NoError(t, c.Send(testContext(t), &Message{}, func(_ *Response, err error) { ends <- err }))
	}
	eventually(t, "the request is there", func() bool { return g.arrived.Load() > 0 })
	c.ctx.do(func() {
		if cgo.Kin() { // ends all by itself
			c.cg.Leave()
		} else {
			c.endWithin(time.Millisecond)
		}
	})
	for range n {
		require.ErrorIs(t, <-ends, ErrMsgFlushed)
	}
	<-c.Done()
	require.ErrorIs(t, c.Err(), ErrSessionDisconnected)
	_, err = c.Call(context.Background(), &Message{})
	require.ErrorIs(t, err, ErrSessionDisconnected)
	assert.Equal(t, "kept", string(kept.Data()))
	kept.Release()
	close(g.open)
	require.NoError(t, c.Close())
	assert.Empty(t, ends, "each ended once")
}
