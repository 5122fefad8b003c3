// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
)

// In the steady state no message costs an allocation, on any side. AllocsPerRun
// counts those of all goroutines: the server's and both drivers' too.
func TestNoAllocations(t *testing.T) {
	if debugBuild {
		t.Skip("debug builds never use an object again")
	}
	ctx := context.Background()
	// DriveAuto makes something anew each time it leaves the netpoller: that costs
	// by the wait, not by the message.
	there, here := newContext(t, ContextOptions{Drive: DrivePark}), newContext(t, ContextOptions{Drive: DrivePark})
	seen := make(chan struct{}, 1)
	s := listen(t, ListenConfig{Context: there, OnMsg: func(*OneWay) { seen <- struct{}{} }}, HandlerFunc(func(r *Request) {
		if err := r.Reply(&Message{Header: r.Header(), Data: r.Data()}); err != nil {
			panic(err)
		}
	}))
	c := dial(t, Dialer{Context: here}, s)
	rdmaDevices.learn(c.local.Addr()) // or wait for those who do
	buf := bufferOf(t, make([]byte, 64<<10))
	defer buf.Release()
	ended := make(chan error, 1)
	answered := func(r *Response, err error) {
		if err == nil {
			r.Release()
		}
		ended <- err
	}
	call := func(m *Message) func() error {
		return func() error {
			rsp, err := c.Call(ctx, m)
			if err == nil {
				rsp.Release()
			}
			return err
		}
	}
	small := &Message{Header: []byte("header"), Data: make([]byte, 32)}
	for name, once := range map[string]func() error{
		"Call":               call(small),
		"Call, pool buffers": call(&Message{Buffers: []*pool.Buffer{buf}}),
		"Send": func() error {
			if err := c.Send(ctx, small, answered); err != nil {
				return err
			}
			return <-ended
		},
		"Deliver": func() error {
			err := c.Deliver(ctx, small)
			if err == nil {
				<-seen // or more and more of them wait for a worker
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			const messages = 50 // each is a wake-up or two: dear on a busy machine
			var failed error
			run := func() {
				for range messages {
					if err := once(); err != nil {
						failed = err
					}
				}
			}
			run() // until everything is there
			perRun := testing.AllocsPerRun(5, run)
			require.NoError(t, failed)
			assert.Less(t, perRun, messages/10.0, "of the runtime's own there are a few")
		})
	}
}
