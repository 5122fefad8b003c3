// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/pingpong"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
	"github.com/accelio/accelio-go/messenger/xiomessenger"
	"github.com/accelio/accelio-go/pool"
)

// contender is one of the messengers that are compared.
type contender struct {
	name string
	new  func(messenger.Config) (messenger.Messenger, error)
	from pingpong.Buffers // where the data lies that it sends best
}

var contenders = []contender{
	{
		name: "SimpleMessenger",
		new:  func(c messenger.Config) (messenger.Messenger, error) { return simplemessenger.New(c), nil },
	},
	{
		name: "XioMessenger",
		new: func(c messenger.Config) (messenger.Messenger, error) {
			return xiomessenger.New(c, xiomessenger.Options{})
		},
		from: func(ctx context.Context, size int) (messenger.Buffer, error) { return pool.Default().Get(ctx, size) },
	},
}

// comparison is the results of one messenger.
type comparison struct {
	Messenger string    `json:"messenger"`
	Rates     []float64 `json:"round_trips_per_second"` // of each turn
	Median    float64   `json:"median"`
}

// compare runs the same load over both messengers, in turns, so that what else the
// machine does falls on both.
func compare(ctx context.Context, o *options, w io.Writer) error {
	all := make([]comparison, len(contenders))
	for range o.rounds {
		for i, c := range contenders {
			r, err := c.turn(ctx, o.Options)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			all[i].Messenger = c.name
			all[i].Rates = append(all[i].Rates, r.Rate())
		}
	}
	for i := range all {
		sorted := slices.Sorted(slices.Values(all[i].Rates))
		all[i].Median = sorted[len(sorted)/2]
	}
	if o.json {
		return json.NewEncoder(w).Encode(all)
	}
	fmt.Fprintf(w, "%d messages of %d bytes go round, %d turns of %v, round trips per second:\n", o.Msgs, o.Size, o.rounds, o.Duration)
	for _, c := range all {
		fmt.Fprintf(w, "%-16s %9.0f  of", c.Messenger, c.Median)
		for _, r := range c.Rates {
			fmt.Fprintf(w, " %.0f", r)
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "%s has %.2f times the rate of %s\n", all[1].Messenger, all[1].Median/all[0].Median, all[0].Messenger)
	return err
}

// turn runs the load once, against a server that lives for it.
func (c contender) turn(ctx context.Context, o pingpong.Options) (pingpong.Result, error) {
	server, err := c.new(pingpong.Config(true))
	if err != nil {
		return pingpong.Result{}, err
	}
	o.Addr, o.Port = "127.0.0.1", 0
	serving, stop := context.WithCancel(ctx)
	ready, ended := make(chan messenger.AddrVec, 1), make(chan error, 1)
	go func() {
		ended <- pingpong.Serve(serving, server, o, io.Discard, func(v messenger.AddrVec) { ready <- v })
	}()
	select {
	case err := <-ended:
		stop()
		return pingpong.Result{}, err
	case v := <-ready:
		o.Port = int(v[0].Port())
	}
	defer func() {
		stop()
		<-ended
	}()
	client, err := c.new(pingpong.Config(false))
	if err != nil {
		return pingpong.Result{}, err
	}
	return pingpong.Circulate(ctx, client, o, c.from, io.Discard)
}
