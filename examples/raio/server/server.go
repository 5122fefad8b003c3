// SPDX-License-Identifier: Apache-2.0

// Package server serves files and block devices below a directory by the
// protocol of Accelio's R-AIO example, to clients in Go (package raio) and C
// (libraio).
//
// A client gets the errno that the same call would give on this machine. Beyond
// that: a path with "..", and one that is absolute, is refused with EXDEV, a
// symbolic link with ELOOP, everything that would change something on a server
// that is read-only with EROFS, what is neither a file nor a block device with
// EISDIR or ENODEV, and a read or write whose length is not that of its memory
// with EFAULT. The path "/dev/null" stands for a store without a disk, as with
// the C server.
package server

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/accelio/accelio-go/examples/raio/internal/wire"
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// Config says what is served, and how. Root is needed; zero in the others stands
// for the default.
type Config struct {
	// Root is the directory below which clients may open files.
	Root string
	// Write lets clients write, create and truncate. Without it the files are
	// only read.
	Write bool
	// Direct does I/O past the page cache where file and filesystem allow it. A
	// client that opens with O_DIRECT gets that in any case.
	Direct bool
	// NoRing keeps I/O past the page cache off io_uring(7), which serves it
	// otherwise where the kernel has it: up to 64 KiB, and 256 operations of one
	// client at a time.
	NoRing bool
	// Workers is how many operations of one client may wait on goroutines at a
	// time. Zero means 32.
	Workers int
	// Files is how many files a client may have open. Zero means 256.
	Files int
	// Memory bounds what the answers to one client may take, in bytes; beyond
	// it its operations wait. Zero means 256 MiB, and so does anything below
	// twice the largest message.
	Memory int64
	// Listen holds the options of the library. Handler options in it are
	// overwritten.
	Listen xio.ListenConfig
}

// Stats counts what a Server did.
type Stats struct {
	Requests uint64 // all that came
	Failed   uint64 // answered with an errno
	BytesOut uint64 // data read for clients
	BytesIn  uint64 // data that clients sent to be written
	Ring     uint64 // operations that io_uring did
}

// Server serves files. It is safe for concurrent use.
type Server struct {
	cfg  Config
	root *root
	xio  *xio.Server

	sessions sync.Map // of *session, by *xio.Connection
	ends     sync.WaitGroup

	requests, failed, bytesOut, bytesIn, past atomic.Uint64
}

// Listen starts a server at uri; see xio.ListenConfig.Listen.
func Listen(uri string, cfg Config) (*Server, error) {
	if cfg.Root == "" {
		return nil, errors.New("raio: no root to serve")
	}
	if cfg.Workers < 0 || cfg.Files < 0 {
		return nil, fmt.Errorf("raio: %d workers, %d files: negative", cfg.Workers, cfg.Files)
	}
	if cfg.Workers == 0 {
		cfg.Workers = 32
	}
	if cfg.Files == 0 {
		cfg.Files = 256
	}
	if cfg.Memory < 2*pool.MaxBuffer {
		cfg.Memory = 256 << 20
	}
	r, err := openRoot(cfg.Root, cfg.Write)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, root: r}
	l := cfg.Listen
	l.Inline = true
	if s.xio, err = l.Listen(uri, s); err != nil {
		r.close()
		return nil, err
	}
	return s, nil
}

// URI is where the server listens.
func (s *Server) URI() string { return s.xio.URI() }

// Stats returns a snapshot.
func (s *Server) Stats() Stats {
	return Stats{s.requests.Load(), s.failed.Load(), s.bytesOut.Load(), s.bytesIn.Load(), s.past.Load()}
}

// Close ends the server, its connections, and what is under way. It waits for
// operations that the disk has been asked for. It may be called any number of
// times, by one goroutine at a time.
func (s *Server) Close() error {
	err := s.xio.Close()
	s.ends.Wait()
	if s.root.fd >= 0 {
		s.root.close()
		s.root.fd = -1
	}
	return err
}

// ServeXIO implements xio.Handler. It runs on the driver of the connection.
func (s *Server) ServeXIO(req *xio.Request) {
	s.requests.Add(1)
	c := req.Conn()
	n, ok := s.sessions.Load(c)
	if !ok {
		var err error
		if n, err = s.begin(c); err != nil {
			s.fail(req, wire.Unknown, syscall.ENOMEM)
			return
		}
	}
	n.(*session).serve(req)
}

// begin makes a session at the first request of a connection. It ends with the
// connection, at once if that has ended already.
func (s *Server) begin(c *xio.Connection) (*session, error) {
	n, err := s.newSession()
	if err != nil {
		return nil, err
	}
	n.misplaced = wire.MisplacesAligned() && string(c.Session().PeerData()) != wire.Mark
	s.sessions.Store(c, n)
	s.ends.Go(func() {
		<-c.Done()
		s.sessions.Delete(c)
		n.end()
	})
	return n, nil
}

// reply answers a request that succeeded.
func (s *Server) reply(req *xio.Request, m *xio.Message) {
	in := req.Len()
	out := 0
	for _, b := range m.Buffers {
		out += b.Len()
	}
	if err := req.Reply(m); err != nil {
		if !errors.Is(err, xio.ErrMsgDiscarded) {
			// The answer cannot be sent; the client is told in the terms of the
			// library.
			_ = req.ReplyError(xio.CodeOf(err), "")
		}
		s.failed.Add(1)
		return
	}
	s.bytesOut.Add(uint64(out))
	s.bytesIn.Add(uint64(in))
}

// fail answers a request with an errno.
func (s *Server) fail(req *xio.Request, c wire.Command, e syscall.Errno) {
	s.failed.Add(1)
	header := wire.AppendError(nil, c, e)
	if c == wire.IOSubmit {
		header = wire.AppendIOError(nil, e)
	}
	_ = req.Reply(&xio.Message{Header: header}) // a requester that is gone needs no answer
}
