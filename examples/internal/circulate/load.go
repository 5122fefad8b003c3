// SPDX-License-Identifier: Apache-2.0

package circulate

import (
	"context"
	"fmt"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// Load is what a client sends.
type Load struct {
	Messages   int    // that go round at a time
	Size       int    // bytes of data in each; 0: pings without data
	RoundTrips uint64 // after which it ends; 0: when ctx does
}

// Result is what a load came to.
type Result struct {
	RoundTrips uint64  `json:"round_trips"`
	Seconds    float64 `json:"seconds"`
}

// Rate is round trips per second.
func (r Result) Rate() float64 { return float64(r.RoundTrips) / r.Seconds }

// Serve bounces what comes to a server's messenger until ctx ends. listening gets the
// address that clients can come to.
func Serve(ctx context.Context, m messenger.Messenger, d *Dispatcher, at messenger.EntityAddr, listening func(messenger.EntityAddr)) error {
	if err := m.SetDefaultPolicy(messenger.StatelessServer()); err != nil {
		return err
	}
	m.AddDispatcherHead(d)
	defer func() {
		m.Shutdown()
		m.Wait()
	}()
	if err := m.Bind(at); err != nil {
		return err
	}
	if err := m.Start(); err != nil {
		return err
	}
	listening(m.Addrs()[0])
	<-ctx.Done()
	return nil
}

// Run sends a load over a client's messenger to a server, and ends both the load and
// the messenger. The end of ctx is no error.
func (l Load) Run(ctx context.Context, m messenger.Messenger, server messenger.EntityAddr) (Result, error) {
	d := NewDispatcher(nil)
	d.limit, d.all = l.RoundTrips, l.Messages
	if err := m.SetDefaultPolicy(messenger.LossyClient()); err != nil {
		return Result{}, err
	}
	m.AddDispatcherHead(d)
	defer func() {
		m.Shutdown()
		m.Wait()
	}()
	if err := m.Start(); err != nil {
		return Result{}, err
	}
	c, err := m.ConnectTo(name.Type, messenger.AddrVec{server})
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	for i := range l.Messages {
		if err := c.Send(l.message(uint32(i))); err != nil {
			return Result{}, err
		}
	}
	select {
	case <-d.done:
		err = d.err
	case <-ctx.Done():
	}
	r := Result{d.Count(), time.Since(began).Seconds()}
	if err != nil {
		err = fmt.Errorf("after %d round trips: %w", r.RoundTrips, err)
	}
	return r, err
}

func (l Load) message(i uint32) messenger.Message {
	if l.Size == 0 {
		return messages.NewPing()
	}
	m := messages.NewDataPing("data ping", i)
	data := make([]byte, l.Size)
	for j := range data {
		data[j] = byte(i) + byte(j)
	}
	m.SetData(data)
	return m
}
