// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

// soaked parses the JSON output of a soak.
func (f finished) soaked(t *testing.T) (r soakResult) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(f.out))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r), "%+v", f)
	require.False(t, d.More())
	return r
}

// soakArgs makes the command line of a soak that must be clean. An installed
// libxio mixes up the two sockets of connections that come from several contexts
// at the same time, and refuses some; with few contexts it uses sockets again.
func soakArgs(args string) []string {
	list := strings.Fields("-json " + args)
	if xio.Engine().Provider == "libxio" {
		list = append(list, "-contexts", "2")
	}
	return list
}

func clean(t *testing.T, r soakResult) {
	t.Helper()
	require.Zero(t, r.Client.faults(), r.FirstFault)
	require.Zero(t, r.Server.faults(), r.FirstFault)
	require.Positive(t, r.Client.Answers)
	require.GreaterOrEqual(t, r.Server.Requests, r.Client.Answers, "more was answered than asked")
	require.Positive(t, r.Server.Answers, "the server sent nothing")
	require.GreaterOrEqual(t, r.Client.Requests, r.Server.Answers)
	require.GreaterOrEqual(t, r.Client.Connections, uint64(r.Connections))
	require.Positive(t, r.Client.OneWays)
	require.Positive(t, r.Server.OneWays)
	require.Positive(t, r.Client.Bytes)
	require.False(t, r.Judged, "two seconds show no growth")
}

func TestSoak(t *testing.T) {
	csv := filepath.Join(t.TempDir(), "samples.csv")
	r := runHere(t, soakArgs("-soak 2s -local -connections 16 -seed 7 -csv "+csv)...).ok(t).soaked(t)
	clean(t, r)
	require.Positive(t, r.Client.CutOff+r.Server.CutOff, "no connection was closed with messages in flight")
	require.EqualValues(t, 7, r.Seed)
	rows, err := readCSV[sampleRow](csv)
	require.NoError(t, err)
	require.Greater(t, len(rows), 5)
	for _, row := range rows {
		require.Equal(t, "client", row.Process, "both sides are one process")
		require.Positive(t, row.RSS)
		require.Positive(t, row.GoMemory)
		require.Positive(t, row.Pool)
		require.Positive(t, row.FDs)
		require.Positive(t, row.Goroutines)
		require.NotEmpty(t, row.Machine)
	}
}

func TestSoakSpawn(t *testing.T) {
	csv := filepath.Join(t.TempDir(), "samples.csv")
	_, wait := startProcess(t, strings.Fields("-soak 2s -spawn -connections 8 -contexts 2 -depth 2 -workers 4 -json -csv "+csv)...)
	r := wait().ok(t).soaked(t)
	clean(t, r)
	rows, err := readCSV[sampleRow](csv)
	require.NoError(t, err)
	of := map[string]int{}
	for _, row := range rows {
		of[row.Process]++
	}
	require.Positive(t, of["client"])
	require.Equal(t, of["client"], of["server"])
}

func TestSoakText(t *testing.T) {
	f := runHere(t, strings.Fields("-soak 500ms -local -connections 4 -contexts 2")...).ok(t)
	require.Contains(t, f.out, "faults:    0 lost, 0 duplicated, 0 damaged, 0 reordered, 0 connections broken")
	require.Contains(t, f.out, "checked:   ")
}

// A signal ends a soak with what it has found so far.
func TestSoakInterrupted(t *testing.T) {
	csv := filepath.Join(t.TempDir(), "samples.csv")
	cmd, wait := startProcess(t, soakArgs("-soak 1h -local -connections 4 -csv "+csv)...)
	require.Eventually(t, func() bool {
		rows, err := readCSV[sampleRow](csv)
		return err == nil && len(rows) > 1 && rows[len(rows)-1].Answers > 0 &&
			rows[len(rows)-1].Connections > 4 // one was opened anew
	}, patience, 20*ms)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	r := wait().ok(t).soaked(t)
	require.True(t, r.Interrupted)
	require.Zero(t, r.Client.plus(r.Server).faults(), r.FirstFault)
	require.Positive(t, r.Client.Answers)
	require.Less(t, r.Seconds, 3600.0)
}

// A server that ends in the middle ends the soak.
func TestSoakServerGoesAway(t *testing.T) {
	f := newSoakServer(true)
	srv, err := (&xio.ListenConfig{Inline: true, OnMsg: f.takeOneWay, OnDisconnect: f.disconnected}).
		Listen("tcp://127.0.0.1:0", f)
	require.NoError(t, err)
	go func() {
		for {
			if c, _ := f.tally.read(); c.Requests > 100 {
				srv.Close()
				return
			}
			time.Sleep(ms)
		}
	}()
	got := runHere(t, "-soak", "1h", "-connections", "4", "-json", "-uri", srv.URI())
	got.oneLine(t, exitFailed, srv.URI())
	require.Positive(t, got.soaked(t).Client.Broken)
	require.NoError(t, srv.Close())
	f.wait()
}

// faulty is a server that handles every n-th soak request wrongly.
type faulty struct {
	*soakServer
	every int64
	wrong func(req *xio.Request)
	n     atomic.Int64
}

func (f *faulty) ServeXIO(req *xio.Request) {
	if l, err := parseLabel(req.Header()); err == nil && l.kind == kindRequest && f.n.Add(1)%f.every == 0 {
		f.stream(req.Conn()).arrived(&f.tally, l)
		f.wrong(req)
		return
	}
	f.soakServer.ServeXIO(req)
}

// answerAs answers with a sound label and data of the test's choice.
func answerAs(req *xio.Request, stream, seq uint64, change func(data []byte)) {
	data := append([]byte(nil), req.Data()...)
	header := labelFor(kindAnswer, stream, seq, data).appendTo(nil)
	if change != nil {
		change(data)
	}
	if req.Reply(&xio.Message{Header: header, Data: data}) != nil {
		_ = req.ReplyError(xio.ErrUnsuccessful, "")
	}
}

func labelOf(req *xio.Request) label {
	l, _ := parseLabel(req.Header())
	return l
}

// A soak must find what is wrong: each of these servers does one thing wrongly.
func TestSoakFindsFaults(t *testing.T) {
	var mu sync.Mutex
	var held []*xio.Request
	for _, c := range []struct {
		name  string
		wrong func(*xio.Request)
		count func(counts) uint64
	}{
		{"damaged", func(req *xio.Request) {
			l := labelOf(req)
			answerAs(req, l.stream, l.seq, func(data []byte) { data[len(data)/2] ^= 1 })
		}, func(c counts) uint64 { return c.Damaged }},
		{"cut short", func(req *xio.Request) {
			l := labelOf(req)
			l.kind = kindAnswer
			l.length++
			_ = req.Reply(&xio.Message{Header: l.appendTo(nil), Data: req.Data()})
		}, func(c counts) uint64 { return c.Damaged }},
		{"no label", func(req *xio.Request) {
			_ = req.Reply(&xio.Message{Data: req.Data()})
		}, func(c counts) uint64 { return c.Damaged }},
		{"another connection's", func(req *xio.Request) {
			l := labelOf(req)
			answerAs(req, l.stream+1, l.seq, nil)
		}, func(c counts) uint64 { return c.Damaged }},
		{"dropped", func(*xio.Request) {}, func(c counts) uint64 { return c.Lost }},
		{"held back", func(req *xio.Request) {
			req.Detach()
			mu.Lock()
			defer mu.Unlock()
			held = append(held, req)
		}, func(c counts) uint64 { return c.Lost }},
		{"duplicated", func(req *xio.Request) {
			l := labelOf(req)
			if l.seq == 0 {
				answerAs(req, l.stream, l.seq, nil)
				return
			}
			answerAs(req, l.stream, l.seq-1, nil)
		}, func(c counts) uint64 { return c.Duplicated }},
		{"ahead", func(req *xio.Request) {
			l := labelOf(req)
			answerAs(req, l.stream, l.seq+1, nil)
		}, func(c counts) uint64 { return c.Reordered + c.Duplicated }},
		{"far ahead", func(req *xio.Request) {
			l := labelOf(req)
			answerAs(req, l.stream, l.seq+1<<40, nil)
		}, func(c counts) uint64 { return c.Damaged }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &faulty{soakServer: newSoakServer(true), every: 20, wrong: c.wrong}
			srv, err := (&xio.ListenConfig{Inline: true, MaxResponse: soakMax, OnMsg: f.takeOneWay, OnDisconnect: f.disconnected}).
				Listen("tcp://127.0.0.1:0", f)
			require.NoError(t, err)
			got := runHere(t, "-soak", "1s", "-connections", "8", "-timeout", "5s", "-json", "-uri", srv.URI())
			got.oneLine(t, exitFailed, "first: ")
			r := got.soaked(t)
			require.Positive(t, c.count(r.Client), "%+v", r.Client)
			require.NotEmpty(t, r.FirstFault)
			require.Zero(t, r.Server.faults(), "the requests were in order: %s", r.FirstFault)
			require.Positive(t, r.Client.Answers)
			require.NoError(t, srv.Close())
			mu.Lock()
			for _, req := range held {
				_ = req.ReplyError(xio.ErrUnsuccessful, "too late")
			}
			held = nil
			mu.Unlock()
			f.wait()
		})
	}
}

// The server's side finds wrong requests as well.
func TestRequestsAreJudged(t *testing.T) {
	at := func(seqs ...uint64) counts {
		var y tally
		in := &incoming{ordered: true}
		for _, n := range seqs {
			in.arrived(&y, label{kind: kindRequest, stream: 9, seq: n})
		}
		in.finish(&y)
		c, _ := y.read()
		return c
	}
	require.Equal(t, counts{Requests: 3}, at(0, 1, 2))
	require.Equal(t, counts{Requests: 3, Lost: 2}, at(0, 2, 4))
	require.Equal(t, counts{Requests: 2, Duplicated: 1}, at(0, 1, 1))
	require.Equal(t, counts{Requests: 2, Reordered: 1}, at(0, 2, 1))
	require.Equal(t, counts{Requests: 1, Damaged: 1}, at(0, 1<<40))

	// One-way messages have numbers of their own, and the requests tell how
	// many there should have been.
	mixed := func(labels ...label) counts {
		var y tally
		in := &incoming{ordered: true}
		for _, l := range labels {
			in.arrived(&y, l)
		}
		in.finish(&y)
		c, _ := y.read()
		return c
	}
	request := func(seq uint64, earlier uint32) label {
		return label{kind: kindRequest, seq: seq, earlier: earlier}
	}
	oneWay := func(seq uint64) label { return label{kind: kindOneWay, seq: seq} }
	require.Equal(t, counts{Requests: 2, OneWays: 2}, mixed(oneWay(0), request(0, 1), oneWay(1), request(1, 2)))
	require.Equal(t, counts{Requests: 1, OneWays: 1, Lost: 1}, mixed(oneWay(0), request(0, 2)))
	require.Equal(t, counts{Requests: 1, OneWays: 1, Reordered: 1}, mixed(oneWay(0), request(0, 2), oneWay(1)))
	require.Equal(t, counts{OneWays: 1, Duplicated: 1}, mixed(oneWay(0), oneWay(0)))
	require.Equal(t, counts{Damaged: 1}, mixed(request(0, 1<<30)))

	var y tally
	in := &incoming{ordered: true}
	in.arrived(&y, label{stream: 1})
	in.arrived(&y, label{stream: 2, seq: 1})
	c, why := y.read()
	require.Equal(t, counts{Requests: 1, Damaged: 1}, c, "another connection's request")
	require.Contains(t, why, "does not belong")

	in = &incoming{} // several workers: order means nothing
	y = tally{}
	in.arrived(&y, label{seq: 1})
	in.arrived(&y, label{seq: 0})
	in.arrived(&y, label{seq: 3})
	in.finish(&y)
	c, _ = y.read()
	require.Equal(t, counts{Requests: 3}, c)
}

func TestSoakNeedsItsServer(t *testing.T) {
	srv, err := (&xio.ListenConfig{Inline: true}).Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(r *xio.Request) {
		_ = r.Reply(&xio.Message{Data: r.Data()})
	}))
	require.NoError(t, err)
	defer srv.Close()
	runHere(t, "-soak", "1s", "-uri", srv.URI()).oneLine(t, exitFailed, "the server is no xioperf")
}
