// SPDX-License-Identifier: Apache-2.0

// Package circulate is what the test programs of messengers share: a dispatcher that
// sends each message back on the connection it came from, so that a fixed number of
// messages goes round between a client and a server, and the load that sets them going.
// It knows no messenger but its interface.
package circulate

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// printEvery is after how many messages a dispatcher says how many there were.
const printEvery = 65536

// Who the programs are: monitors without a number.
var name = messenger.EntityName{Type: messenger.EntityMon, Num: messenger.UnknownNum}

// Config is what both programs make their messenger of. nonce 0 is one of its own for a
// server, which must have the same one as its clients think.
func Config(nonce uint32) messenger.Config {
	r := messenger.NewRegistry()
	messages.Register(r)
	return messenger.Config{
		Name: name, Nonce: nonce, FixedNonce: nonce == 0, Registry: r, Auth: messenger.AuthNone{},
	}
}

// Dispatcher bounces pings and data pings, and counts them. Other messages end their
// connection, as the peer is no test program.
//
// Implements: SimpleDispatcher
type Dispatcher struct {
	messenger.BaseDispatcher
	out   io.Writer // gets the count now and then; nil: nobody
	limit uint64    // how many are bounced; 0: all
	count atomic.Uint64

	mu     sync.Mutex
	back   int           // messages that are not bounced any more
	all    int           // and how many that will be
	done   chan struct{} // closed when that many are back, or the connection is lost
	closed bool
	err    error
}

// NewDispatcher makes a dispatcher that bounces everything, and tells out of it.
func NewDispatcher(out io.Writer) *Dispatcher {
	return &Dispatcher{out: out, done: make(chan struct{})}
}

// Count is how many messages have come.
func (d *Dispatcher) Count() uint64 { return d.count.Load() }

// Dispatch implements messenger.Dispatcher.
func (d *Dispatcher) Dispatch(m messenger.Message) bool {
	b := m.Base()
	switch b.Type() {
	case messages.TypePing, messages.TypeDataPing:
	default:
		b.Connection().MarkDown()
		b.Release()
		return true
	}
	n := d.count.Add(1)
	if n%printEvery == 0 && d.out != nil {
		fmt.Fprintf(d.out, "%d messages, %d ns\n", n, time.Now().UnixNano())
	}
	if d.limit > 0 && n+uint64(d.all) > d.limit {
		b.Release()
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.back++; d.back == d.all {
			d.finish(nil)
		}
		return true
	}
	// The very message goes back: that hands our reference over.
	_ = b.Connection().Send(m)
	return true
}

// HandleReset implements messenger.Dispatcher.
func (d *Dispatcher) HandleReset(c messenger.Connection) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := c.Err()
	if err == nil {
		err = messenger.ErrDropped
	}
	d.finish(err)
	return true
}

// finish ends a load. Under mu.
func (d *Dispatcher) finish(err error) {
	if !d.closed {
		d.closed, d.err = true, err
		close(d.done)
	}
}
