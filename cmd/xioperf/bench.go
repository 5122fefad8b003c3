// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"
)

// runBench measures every size at every depth.
func runBench(ctx context.Context, o *options, std stdio) (err error) {
	out, err := newOutput(o, std.out)
	if err != nil {
		return err
	}
	peer, err := o.findServer()
	if err != nil {
		return errors.Join(err, out.close())
	}
	defer func() { err = errors.Join(err, peer.close(), out.close()) }()

	bar := newProgress(std.err)
	defer bar.stop()
	cells := len(o.sizes.list) * len(o.depths.list)
	i := 0
	for _, size := range o.sizes.list {
		for _, depth := range o.depths.list {
			i++
			bar.start(o, size, depth, i, cells)
			r, err := o.measure(ctx, peer.uri, size, depth, bar)
			bar.stop()
			if err != nil {
				return err
			}
			if r != nil {
				if err := out.add(r); err != nil {
					return err
				}
			}
			if ctx.Err() != nil {
				return nil
			}
		}
	}
	return nil
}

// measure warms up and measures once. It returns nil when ctx ended before
// there was anything to tell.
func (o *options) measure(ctx context.Context, uri string, size, depth int, bar *progress) (r *result, err error) {
	c, err := o.connect(ctx, uri, size, depth)
	if err != nil {
		if ctx.Err() != nil {
			err = nil
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	l, goroutines := o.load(depth)
	if o.warmup > 0 {
		if _, err := o.phase(ctx, c, l, 0, o.warmup, func(*phase) {}); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, nil
	}
	m, err := o.phase(ctx, c, l, o.n, o.duration, bar.show)
	if err != nil {
		return nil, err
	}
	res := o.fixed()
	res.Size, res.Depth, res.Goroutines = size, depth, goroutines
	m.fill(&res)
	return &res, nil
}

// load is what the options say to send with, and from how many goroutines.
func (o *options) load(depth int) (load, int) {
	n := o.goroutines
	switch {
	case o.api == apiCall:
		if n == 0 {
			n = depth * o.connections
		}
		call := callRequest
		if o.oneWay {
			call = callOneWay
		}
		return callLoad(spread(n, o.connections), call), n
	case n == 0 && o.rate == 0:
		return o.untilDelivered(completionLoad(depth, o.sender())), 0
	case n == 0:
		n = o.connections
	}
	return o.untilDelivered(sendLoad(depth, spread(n, o.connections), o.sender())), n
}

func (o *options) sender() senderFor {
	if o.oneWay {
		return newOneWaySender
	}
	return newRequestSender
}

// untilDelivered makes a load of one-way messages end when all have arrived.
func (o *options) untilDelivered(l load) load {
	if !o.oneWay {
		return l
	}
	return flushed(l)
}

// phase runs a load once, for n messages or a duration, whichever ends first; 0
// is no bound.
func (o *options) phase(ctx context.Context, c *client, l load, n uint64, duration time.Duration, tick func(*phase)) (*measured, error) {
	t, err := newTimer()
	if err != nil {
		return nil, err
	}
	defer t.close()
	p := &phase{recs: newRecorders(len(c.conns)), now: t.now}
	var open *openLoop
	if o.rate > 0 {
		open = newOpenLoop(t, o.rate, n, duration)
		p.plan = open
	} else {
		p.plan = newClosedLoop(t, n)
	}
	cpu := cpuSeconds()
	stopped, err := p.supervise(ctx, c, l, duration, tick)
	if err != nil {
		return nil, err
	}
	m := &measured{
		took:        t.now(),
		cpu:         cpuSeconds() - cpu,
		latency:     newHistogram(),
		interrupted: ctx.Err() != nil,
	}
	for _, r := range p.recs {
		m.latency.Merge(r.latency)
		m.messages += r.messages
		m.bytesIn += r.bytesIn
	}
	if open != nil {
		m.unsent = open.unsent(m.latency, stopped)
		m.lag = open.lag
	}
	return m, nil
}
