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

// server answers requests with what they carry, and checks those of a soak.
type server struct {
	*xio.Server
	soak     *soakServer
	requests atomic.Uint64
	bytes    atomic.Uint64
}

// listen starts a server.
func (o *options) listen(uri string) (*server, error) {
	s := &server{}
	s.soak = newSoakServer(o.workers == 0)
	l := xio.ListenConfig{
		Inline:       o.workers == 0,
		Workers:      o.workers,
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
		s.bytes.Add(uint64(n))
	}
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
	Bytes    uint64 `json:"bytes"` // of data, each way
	Clients  uint64 `json:"clients"`
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
	clients := s.Stats().Accepted
	if err := s.Close(); err != nil {
		return err
	}
	end := served{"end", s.requests.Load(), s.bytes.Load(), clients}
	if o.json {
		return json.NewEncoder(std.out).Encode(end)
	}
	_, err = fmt.Fprintf(std.out, "requests: %d answered, %d bytes each way, for %d connections\n",
		end.Requests, end.Bytes, end.Clients)
	return err
}

func (s *server) announce(asJSON bool, w io.Writer) error {
	if asJSON {
		return json.NewEncoder(w).Encode(listening{"listen", s.URI(), thisEnvironment()})
	}
	_, err := fmt.Fprintf(w, "engine: %s\nlisten to %s\n", xio.Engine(), s.URI())
	return err
}
