// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"math"
	"sync"
	"syscall"

	"github.com/accelio/accelio-go/examples/raio/internal/wire"
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// inlineRead is the largest read, in bytes, that is served on the driver when the
// page cache has the data: copying more would hold up other clients.
const inlineRead = 64 << 10

// session is what belongs to one connection: its files, its memory and its
// goroutines. A client that is slow, or means harm, uses up no others'.
type session struct {
	srv    *Server
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	pool   *pool.Pool
	cache  *pool.Cache
	queue  queue

	ringOnce sync.Once
	rings    *ring // nil: none yet, or none at all

	// Small data of this client arrives wrongly, see wire.MisplacesAligned.
	misplaced bool

	mu    sync.Mutex
	files map[int32]*file // nil: the connection is over
	next  int32

	// For answers from the driver, one at a time.
	header  []byte
	message xio.Message
	buffers [1]*pool.Buffer
}

func (s *Server) newSession() (*session, error) {
	p, err := pool.New(pool.Config{Limit: s.cfg.Memory, Keep: 4 << 20})
	if err != nil {
		return nil, err
	}
	c, err := p.NewCache(0)
	if err != nil {
		p.Close()
		return nil, err
	}
	n := &session{srv: s, pool: p, cache: c, files: map[int32]*file{}, header: make([]byte, 0, xio.MaxHeader)}
	n.queue.max = s.cfg.Workers
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n, nil
}

// end closes the files and waits for what is under way.
func (s *session) end() {
	s.mu.Lock()
	files := s.files
	s.files = nil
	s.mu.Unlock()
	for _, f := range files {
		f.release()
	}
	s.cancel()
	// What has been on the ring may go on on a goroutine.
	s.ringOnce.Do(func() {})
	if s.rings != nil {
		s.rings.close()
	}
	s.queue.idle.Wait()
	s.pool.Close()
}

func (s *session) add(f *file) (int32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		return 0, syscall.ESHUTDOWN
	}
	if len(s.files) >= s.srv.cfg.Files {
		return 0, syscall.EMFILE
	}
	// Numbers are not used again soon: who kept one of a closed file is told
	// so, and does not meet another file.
	for {
		s.next = s.next&math.MaxInt32 + 1
		if s.next < 0 {
			s.next = 1
		}
		if _, taken := s.files[s.next]; !taken {
			s.files[s.next] = f
			return s.next, nil
		}
	}
}

// get finds a file and retains it.
func (s *session) get(fd int32) (*file, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[fd]
	if !ok {
		return nil, syscall.EBADF
	}
	f.retain()
	return f, nil
}

func (s *session) remove(fd int32) error {
	s.mu.Lock()
	f, ok := s.files[fd]
	delete(s.files, fd)
	s.mu.Unlock()
	if !ok {
		return syscall.EBADF
	}
	f.release()
	return nil
}

// serve handles a request on the driver; what may block goes on elsewhere.
func (s *session) serve(req *xio.Request) {
	r, err := wire.ParseRequest(req.Header())
	if err != nil {
		s.srv.fail(req, wire.Unknown, syscall.EINVAL)
		return
	}
	switch r.Command {
	case wire.IOSubmit:
		s.submit(req, r.Body)
	case wire.Open:
		flags, path, err := wire.ParseOpen(r.Body)
		s.later(req, r.Command, err, func() ([]byte, error) { return s.open(flags, path) })
	case wire.Fstat:
		fd, err := wire.ParseFD(r.Body)
		s.later(req, r.Command, err, func() ([]byte, error) { return s.stat(fd) })
	case wire.Close:
		fd, err := wire.ParseFD(r.Body)
		s.later(req, r.Command, err, func() ([]byte, error) {
			return wire.AppendOK(nil, wire.Close), s.remove(fd)
		})
	case wire.IOSetup: // memory follows use here, so there is nothing to set aside
		s.srv.reply(req, &xio.Message{Header: wire.AppendSetUp(nil)})
	case wire.IODestroy:
		s.srv.reply(req, &xio.Message{Header: wire.AppendOK(nil, r.Command)})
	default:
		s.srv.fail(req, wire.Unknown, syscall.EOPNOTSUPP)
	}
}

// later answers with what do returns, on another goroutine.
func (s *session) later(req *xio.Request, c wire.Command, err error, do func() ([]byte, error)) {
	if err != nil {
		s.srv.fail(req, c, syscall.EINVAL)
		return
	}
	req.Detach()
	s.queue.add(func() {
		header, err := do()
		if err != nil {
			s.srv.fail(req, c, errno(err))
			return
		}
		s.srv.reply(req, &xio.Message{Header: header})
	})
}

func (s *session) open(flags uint32, path string) ([]byte, error) {
	f, err := s.srv.root.open(path, flags, s.srv.cfg.Direct)
	if err != nil {
		return nil, err
	}
	fd, err := s.add(f)
	if err != nil {
		f.release()
		return nil, err
	}
	return wire.AppendOpened(nil, fd), nil
}

func (s *session) stat(fd int32) ([]byte, error) {
	f, err := s.get(fd)
	if err != nil {
		return nil, err
	}
	defer f.release()
	st, err := f.stat()
	return wire.AppendStat(nil, st), err
}

func errno(err error) syscall.Errno {
	var e syscall.Errno
	if errors.As(err, &e) {
		return e
	}
	return syscall.EIO
}
