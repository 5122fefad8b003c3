// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/accelio/accelio-go/xio"
)

// Defaults of a soak.
const (
	soakConnections = 64
	soakDepth       = 4
	soakLife        = 3 * time.Second // of a connection, on average
)

// soakClient is the client's side of a soak.
type soakClient struct {
	o        *options
	uri      string
	tally    tally
	ordered  bool // the server answers in the order of requests
	contexts []*xio.Context
}

// run keeps the connections coming and going until ctx ends.
func (c *soakClient) run(ctx context.Context) error {
	if c.o.contexts < c.o.connections { // otherwise each has its own
		var err error
		if c.contexts, err = newContexts(c.o.contexts); err != nil {
			return err
		}
		defer closeContexts(c.contexts)
	}
	var wg sync.WaitGroup
	for i := range c.o.connections {
		wg.Go(func() { c.comeAndGo(ctx, i) })
	}
	wg.Wait()
	return nil
}

// comeAndGo opens one connection after another.
func (c *soakClient) comeAndGo(ctx context.Context, i int) {
	rng := rand.New(rand.NewPCG(c.o.seed, uint64(i)))
	life := min(soakLife, c.o.soak/10)
	for ctx.Err() == nil {
		if !c.connection(ctx, i, rng, time.Duration(rng.ExpFloat64()*float64(life))) {
			sleep(ctx.Done(), life) // not in a tight loop
		}
		sleep(ctx.Done(), time.Duration(rng.ExpFloat64()*float64(life)/20))
	}
}

// connection opens a connection, sends for a while, and closes it: in good order
// or with requests in flight. It returns false if that went wrong.
func (c *soakClient) connection(ctx context.Context, i int, rng *rand.Rand, life time.Duration) bool {
	in := &incoming{ordered: true}
	d := xio.Dialer{
		Timeout:     c.o.timeout,
		QueueDepth:  2 * c.o.depths.list[0],
		MaxResponse: soakMax,
		Inline:      true,
		Handler:     xio.HandlerFunc(func(req *xio.Request) { c.tally.answer(req, in) }),
		OnMsg:       func(m *xio.OneWay) { c.tally.takeOneWay(m, in) },
	}
	if len(c.contexts) > 0 {
		d.Context = c.contexts[i%len(c.contexts)]
	}
	conn, err := d.Dial(context.WithoutCancel(ctx), c.uri)
	if err != nil {
		c.tally.fault(counts{Broken: 1}, "%v", err)
		return false
	}
	c.tally.add(counts{Connections: 1})
	out := newOutgoing(&c.tally, conn, c.o.depths.list[0], c.ordered, rng)

	lifetime, cancel := context.WithTimeout(ctx, life)
	out.sendUntil(lifetime.Done(), func() {})
	cancel()
	if rng.IntN(4) > 0 && !out.endInOrder(c.o.timeout) {
		c.tally.fault(counts{}, "no answer from %s within %v", c.uri, c.o.timeout)
		out.finish() // what the close cuts off now is lost
	}
	out.expectEnd()
	err = within(c.o.timeout, c.uri+" did not close", conn.Close)
	if err != nil || !out.drain(c.o.timeout) {
		c.tally.fault(counts{Broken: 1}, "closing %s: %v", c.uri, err)
	}
	out.finish()
	in.finish(&c.tally)
	return err == nil
}

// askReport asks the server for its counts.
func askReport(ctx context.Context, conn *xio.Connection, timeout time.Duration) (soakReport, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var r soakReport
	rsp, err := conn.Call(ctx, &xio.Message{Header: labelFor(kindReport, 0, 0, nil).appendTo(nil)})
	if err != nil {
		return r, err
	}
	defer rsp.Release()
	l, err := parseLabel(rsp.Header())
	if err != nil || l.kind != kindReport || !l.describes(rsp.Data()) {
		return r, errors.New("the server is no " + program + ": it cannot check a soak")
	}
	if err := json.Unmarshal(rsp.Data(), &r); err != nil {
		return r, fmt.Errorf("the server's report: %w", err)
	}
	return r, nil
}
