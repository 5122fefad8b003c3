// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/accelio/accelio-go/xio"
)

// server answers requests with what they carry, takes one-way messages, and
// checks both if they are of a soak.
type server struct {
	*xio.Server
	soak     *soakServer
	requests atomic.Uint64
	oneWays  atomic.Uint64
	bytesIn  atomic.Uint64
	bytesOut atomic.Uint64
}

// maxPending is how many messages of a connection may be unanswered. One-way
// messages count until the library has them back, which many in a row reach
// before a request among them is seen.
const maxPending = 1 << 20

// listen starts a server.
func (o *options) listen(uri string) (*server, error) {
	s := &server{}
	s.soak = newSoakServer(o.workers == 0)
	l := xio.ListenConfig{
		Inline:       o.workers == 0,
		Workers:      o.workers,
		Portals:      o.portals,
		OnMsg:        s.takeOneWay,
		MaxPending:   maxPending,
		QueueDepth:   2 * reverseDepth,
		MaxResponse:  soakMax,
		OnDisconnect: s.soak.disconnected,
	}
	srv, err := l.Listen(uri, s)
	if err != nil {
		return nil, err
	}
	s.Server = srv
	return s, nil
}

// ServeXIO implements xio.Handler.
func (s *server) ServeXIO(req *xio.Request) {
	if isSoak(req.Header()) {
		s.soak.ServeXIO(req)
		return
	}
	n := req.Len()
	// Its own data goes back without a copy.
	if err := req.Reply(&xio.Message{Data: req.Data()}); err == nil {
		s.requests.Add(1)
		s.bytesIn.Add(uint64(n))
		s.bytesOut.Add(uint64(n))
	}
}

// takeOneWay is the server's OnMsg.
func (s *server) takeOneWay(m *xio.OneWay) {
	if isSoak(m.Header()) {
		s.soak.takeOneWay(m)
		return
	}
	s.oneWays.Add(1)
	s.bytesIn.Add(uint64(m.Len()))
}

// Close closes all connections and waits for what the server sends on them.
func (s *server) Close() error {
	err := s.Server.Close()
	s.soak.wait()
	return err
}

// listening is what the server says, as JSON, when clients can come.
type listening struct {
	Event  string      `json:"event"` // "listen"
	URI    string      `json:"uri"`
	Engine environment `json:"environment"`
}

// served is what it says at the end.
type served struct {
	Event    string `json:"event"` // "end"
	Requests uint64 `json:"requests"`
	OneWays  uint64 `json:"one_ways"`
	BytesIn  uint64 `json:"bytes_in"` // of data
	BytesOut uint64 `json:"bytes_out"`
}

// runServer is the server's process.
func runServer(ctx context.Context, o *options, std stdio) error {
	s, err := o.listen(o.uri)
	if err != nil {
		return err
	}
	if err := s.announce(o.json, std.out); err != nil {
		s.Close()
		return err
	}
	var eof chan struct{}
	if o.untilEOF {
		eof = make(chan struct{})
		go func() {
			defer close(eof)
			_, _ = io.Copy(io.Discard, std.in)
		}()
	}
	select {
	case <-ctx.Done():
	case <-eof:
	}
	if err := s.Close(); err != nil {
		return err
	}
	end := served{"end", s.requests.Load(), s.oneWays.Load(), s.bytesIn.Load(), s.bytesOut.Load()}
	if o.json {
		return json.NewEncoder(std.out).Encode(end)
	}
	_, err = fmt.Fprintf(std.out, "requests: %d answered, %d one-way messages taken, %d bytes in, %d bytes out\n",
		end.Requests, end.OneWays, end.BytesIn, end.BytesOut)
	return err
}

func (s *server) announce(asJSON bool, w io.Writer) error {
	if asJSON {
		return json.NewEncoder(w).Encode(listening{"listen", s.URI(), thisEnvironment()})
	}
	_, err := fmt.Fprintf(w, "engine: %s\nlisten to %s\n", xio.Engine(), s.URI())
	return err
}
