// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/accelio/accelio-go/examples/internal/circulate"
	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
	"github.com/accelio/accelio-go/messenger/xiomessenger"
)

// contender is one of the messengers that are compared.
type contender struct {
	name string
	bind string
	new  func(messenger.Config) (messenger.Messenger, error)
}

var contenders = []contender{
	{"SimpleMessenger", "v1:127.0.0.1:0", func(c messenger.Config) (messenger.Messenger, error) {
		return simplemessenger.New(c), nil
	}},
	{"XioMessenger", "xio:127.0.0.1:0", func(c messenger.Config) (messenger.Messenger, error) {
		return xiomessenger.New(c, xiomessenger.Options{})
	}},
}

// comparison is the results of one messenger.
type comparison struct {
	Messenger string             `json:"messenger"`
	Turns     []circulate.Result `json:"turns"`
	Median    float64            `json:"median_per_second"`
}

// compare runs the same load over both messengers, in turns, so that what else the
// machine does falls on both.
func compare(ctx context.Context, o *options, w io.Writer) error {
	all := make([]comparison, len(contenders))
	for range o.rounds {
		for i, c := range contenders {
			r, err := c.turn(ctx, o.load)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			all[i].Messenger = c.name
			all[i].Turns = append(all[i].Turns, r)
		}
	}
	for i := range all {
		all[i].Median = median(all[i].Turns)
	}
	if o.json {
		return json.NewEncoder(w).Encode(all)
	}
	fmt.Fprintf(w, "%d messages of %d bytes, %d round trips, %d turns\n", o.load.Messages, o.load.Size, o.load.RoundTrips, o.rounds)
	for _, c := range all {
		fmt.Fprintf(w, "%-16s %9.0f/s", c.Messenger, c.Median)
		for _, r := range c.Turns {
			fmt.Fprintf(w, "  %.0f", r.Rate())
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "%s has %.2f times the rate of %s\n", all[1].Messenger, all[1].Median/all[0].Median, all[0].Messenger)
	return err
}

func median(turns []circulate.Result) float64 {
	rates := make([]float64, len(turns))
	for i, r := range turns {
		rates[i] = r.Rate()
	}
	slices.Sort(rates)
	return rates[len(rates)/2]
}

// turn runs the load once, against a server that lives for it.
func (c contender) turn(ctx context.Context, l circulate.Load) (circulate.Result, error) {
	at, err := messenger.ParseEntityAddr(c.bind)
	if err != nil {
		return circulate.Result{}, err
	}
	server, err := c.new(circulate.Config(0))
	if err != nil {
		return circulate.Result{}, err
	}
	defer end(server)
	client, err := c.new(circulate.Config(uint32(os.Getpid())))
	if err != nil {
		return circulate.Result{}, err
	}
	defer end(client)
	serving, stop := context.WithCancel(ctx)
	listening, ended := make(chan messenger.EntityAddr, 1), make(chan error, 1)
	go func() {
		ended <- circulate.Serve(serving, server, circulate.NewDispatcher(nil), at, func(a messenger.EntityAddr) { listening <- a })
	}()
	defer func() {
		stop()
		<-ended
	}()
	select {
	case a := <-listening:
		return l.Run(ctx, client, a)
	case err := <-ended:
		ended <- err // for the end
		return circulate.Result{}, err
	}
}

func end(m messenger.Messenger) {
	m.Shutdown()
	m.Wait()
}
