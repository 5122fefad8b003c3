// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/accelio/accelio-go/xio"
)

// soakResult is what a soak ends with, and its JSON output.
type soakResult struct {
	Program     string      `json:"program"`
	Environment environment `json:"environment"`
	Role        string      `json:"role"`
	Seed        uint64      `json:"seed"`
	Seconds     float64     `json:"seconds"`
	Connections int         `json:"connections_at_a_time"`
	Depth       int         `json:"depth"`
	Client      counts      `json:"client"`
	Server      counts      `json:"server"`
	FirstFault  string      `json:"first_fault,omitempty"`
	Judged      bool        `json:"growth_judged"`
	Growth      []growth    `json:"growth"`
	Interrupted bool        `json:"interrupted"`
}

// soak is a running soak.
type soak struct {
	o       *options
	client  soakClient
	control *xio.Connection // for the server's reports
	start   soakReport
	began   time.Time
	rows    []sampleRow
	csv     *csvFile[sampleRow]
	env     environment
}

func runSoak(ctx context.Context, o *options, std stdio) (err error) {
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	s := &soak{o: o, env: thisEnvironment()}
	if o.csv != "" {
		if s.csv, err = appendCSV[sampleRow](o.csv); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.csv.close()) }()
	}
	peer, err := o.findServer()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, peer.close()) }()
	r, err := s.run(ctx, peer.uri, std.err)
	if err != nil {
		return err
	}
	if o.json {
		err = json.NewEncoder(std.out).Encode(r)
	} else {
		_, err = io.WriteString(std.out, r.text())
	}
	return errors.Join(err, r.verdict())
}

// run is the soak itself, against the server at uri.
func (s *soak) run(ctx context.Context, uri string, bar io.Writer) (r *soakResult, err error) {
	d := xio.Dialer{Timeout: s.o.timeout}
	if s.control, err = d.Dial(ctx, uri); err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, within(s.o.timeout, uri+" did not close", s.control.Close))
	}()
	if s.start, err = askReport(ctx, s.control, s.o.timeout); err != nil {
		return nil, err
	}
	s.client = soakClient{o: s.o, uri: uri, ordered: s.start.Ordered}
	s.began = time.Now()
	soaking, cancel := context.WithTimeout(ctx, s.o.soak)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.client.run(soaking) }()
	err = s.watch(soaking, bar)
	cancel()
	took := time.Since(s.began)
	if err := errors.Join(err, <-done); err != nil {
		return nil, err
	}
	return s.result(s.lastReport(), took, ctx.Err() != nil), nil
}

// report asks the server for its counts. That it does not answer is a fault.
func (s *soak) report() (soakReport, bool) {
	r, err := askReport(context.Background(), s.control, s.o.timeout)
	if err != nil {
		s.client.tally.fault(counts{Broken: 1}, "%v", err)
		return s.start, false
	}
	return r, true
}

// watch takes samples until ctx ends, or until the server does not answer.
func (s *soak) watch(ctx context.Context, w io.Writer) error {
	bar := newProgress(w)
	bar.startTime(fmt.Sprintf("soak, %d connections", s.o.connections), s.o.soak)
	defer bar.stop()
	tick := time.NewTicker(min(time.Second, s.o.soak/50+1))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		bar.set(time.Since(s.began).Milliseconds())
		server, ok := s.report()
		if !ok {
			return nil
		}
		if err := s.addSample("client", takeSample()); err != nil {
			return err
		}
		if server.Process != thisProcess {
			if err := s.addSample("server", server.Sample); err != nil {
				return err
			}
		}
	}
}

func (s *soak) addSample(process string, now sample) error {
	c, _ := s.client.tally.read()
	row := sampleRow{
		Time:        time.Now().UTC().Format(time.RFC3339),
		Seconds:     time.Since(s.began).Seconds(),
		Process:     process,
		environment: s.env,
		sample:      now,
		Connections: c.Connections,
		Answers:     c.Answers,
		Faults:      c.faults(),
	}
	s.rows = append(s.rows, row)
	if s.csv == nil {
		return nil
	}
	return s.csv.add(&row)
}

// lastReport waits until the server has seen the ends of all connections.
func (s *soak) lastReport() soakReport {
	for deadline := time.Now().Add(s.o.timeout); ; time.Sleep(10 * time.Millisecond) {
		r, ok := s.report()
		if !ok || r.Streams <= s.start.Streams || time.Now().After(deadline) {
			return r
		}
	}
}

func (s *soak) result(end soakReport, took time.Duration, interrupted bool) *soakResult {
	r := &soakResult{
		Program:     program,
		Environment: s.env,
		Role:        s.o.role(),
		Seed:        s.o.seed,
		Seconds:     took.Seconds(),
		Connections: s.o.connections,
		Depth:       s.o.depths.list[0],
		Server:      end.Counts.minus(s.start.Counts),
		Judged:      took >= minJudged,
		Growth:      judgeGrowth(s.rows),
		Interrupted: interrupted,
	}
	r.Client, r.FirstFault = s.client.tally.read()
	if r.FirstFault == "" && r.Server.faults() > 0 {
		r.FirstFault = end.FirstFault
	}
	return r
}

// verdict is an error if anything was wrong.
func (r *soakResult) verdict() error {
	all := r.Client.plus(r.Server)
	if all.faults() > 0 {
		return fmt.Errorf("%s; first: %s", all.faultText(), r.FirstFault)
	}
	for _, g := range r.Growth {
		if g.Grew && r.Judged {
			return fmt.Errorf("%v: it grew", g)
		}
	}
	return nil
}

func (r *soakResult) text() string {
	var b strings.Builder
	all := r.Client.plus(r.Server)
	e := r.Environment
	fmt.Fprintf(&b, "engine:    %s %s (%s)\n", e.Engine, e.Version, e.Linkage)
	fmt.Fprintf(&b, "machine:   %s, %d CPUs, %s, %s\n", e.Machine, e.CPUs, e.Kernel, e.Go)
	fmt.Fprintf(&b, "soak:      %.1f s, %s, seed %d, %d connections at a time of %d opened, depth %d\n",
		r.Seconds, r.Role, r.Seed, r.Connections, r.Client.Connections, r.Depth)
	fmt.Fprintf(&b, "checked:   %d requests, %d answers and %d one-way messages, %.1f MB; %d were cut off by closing on purpose\n",
		all.Requests, all.Answers, all.OneWays, float64(all.Bytes)/1e6, all.CutOff)
	fmt.Fprintf(&b, "faults:    %s\n", all.faultText())
	for _, g := range r.Growth {
		verdict := "not judged in less than " + minJudged.String()
		switch {
		case r.Judged && g.Grew:
			verdict = "GREW"
		case r.Judged:
			verdict = "flat"
		}
		fmt.Fprintf(&b, "growth:    %v, %s\n", g, verdict)
	}
	if r.Interrupted {
		fmt.Fprintln(&b, "exit signaled")
	}
	return b.String()
}
