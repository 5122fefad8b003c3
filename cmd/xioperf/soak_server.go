// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/accelio/accelio-go/xio"
)

// Requests that a server sends to its clients.
const (
	reverseDepth = 2
	reversePause = 20 * time.Millisecond // at most, between two
)

// soakServer is the server's side of a soak. It checks requests, answers them,
// and sends some of its own on every connection.
type soakServer struct {
	tally   tally
	ordered bool // requests are handled one after another

	mu      sync.Mutex
	streams map[*xio.Connection]*incoming
	closed  bool
	senders sync.WaitGroup
	quit    chan struct{}
}

func newSoakServer(ordered bool) *soakServer {
	return &soakServer{
		ordered: ordered,
		streams: map[*xio.Connection]*incoming{},
		quit:    make(chan struct{}),
	}
}

// soakReport is what a server tells a client that asks.
type soakReport struct {
	Process    uint64 `json:"process"` // differs between processes
	Ordered    bool   `json:"ordered"`
	Streams    int    `json:"streams"` // connections that have not ended
	Counts     counts `json:"counts"`
	FirstFault string `json:"first_fault,omitempty"`
	Sample     sample `json:"sample"`
}

// thisProcess tells processes apart, also on two machines.
var thisProcess = rand.Uint64() ^ uint64(os.Getpid())

func (s *soakServer) report() soakReport {
	c, fault := s.tally.read()
	s.mu.Lock()
	n := len(s.streams)
	s.mu.Unlock()
	return soakReport{thisProcess, s.ordered, n, c, fault, takeSample()}
}

// ServeXIO implements xio.Handler.
func (s *soakServer) ServeXIO(req *xio.Request) {
	if l, err := parseLabel(req.Header()); err == nil && l.kind == kindReport {
		s.sendReport(req)
		return
	}
	s.tally.answer(req, s.stream(req.Conn()))
}

// takeOneWay is the server's OnMsg.
func (s *soakServer) takeOneWay(m *xio.OneWay) { s.tally.takeOneWay(m, s.stream(m.Conn())) }

func (s *soakServer) sendReport(req *xio.Request) {
	data, err := json.Marshal(s.report())
	if err == nil {
		err = req.Reply(&xio.Message{Header: labelFor(kindReport, 0, 0, data).appendTo(nil), Data: data})
	}
	if err != nil {
		_ = req.ReplyError(xio.ErrUnsuccessful, err.Error())
	}
}

// stream finds or makes what belongs to a connection. One that has ended gets
// nothing that would stay.
func (s *soakServer) stream(conn *xio.Connection) *incoming {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.streams[conn]
	if in != nil {
		return in
	}
	in = &incoming{ordered: s.ordered}
	select {
	case <-conn.Done():
		return in
	default:
	}
	s.streams[conn] = in
	if !s.closed {
		s.senders.Go(func() { s.sendTo(conn) })
	}
	return in
}

// sendTo sends requests to a client until its connection ends.
func (s *soakServer) sendTo(conn *xio.Connection) {
	rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
	out := newOutgoing(&s.tally, conn, reverseDepth, true, rng)
	out.mayEnd = true // the client closes when it likes
	out.sendUntil(s.quit, func() { sleep(s.quit, time.Duration(rng.Int64N(int64(reversePause)))) })
	<-conn.Done()
	out.drain(reverseDrain)
	out.finish()
}

// reverseDrain is how long requests in flight may take to come back from a
// connection that has ended.
const reverseDrain = 10 * time.Second

// sleep waits for a time or until quit.
func sleep(quit <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-quit:
	}
}

// disconnected is the server's OnDisconnect.
func (s *soakServer) disconnected(conn *xio.Connection, _ error) {
	s.mu.Lock()
	in := s.streams[conn]
	delete(s.streams, conn)
	s.mu.Unlock()
	if in != nil {
		in.finish(&s.tally)
	}
}

// wait ends the sending; the server is closed.
func (s *soakServer) wait() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.quit)
	}
	s.mu.Unlock()
	s.senders.Wait()
}
