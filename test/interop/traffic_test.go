// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// Salts keep the four parts of an exchange apart. testdata/pattern.c describes
// the bytes.
const (
	saltRequestHeader = iota + 1
	saltRequestData
	saltResponseHeader
	saltResponseData
)

// known is how many bytes tell a message's number.
const known = 8

func word(i, n, salt uint64) uint64 {
	if i == 0 {
		return n
	}
	x := n*0x9e3779b97f4a7c15 + i*0xd1b54a32d192ed03 + salt
	return x ^ x>>29
}

func fill(p []byte, n, salt uint64) {
	i := uint64(0)
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, word(i, n, salt))
		i++
	}
	var last [8]byte
	binary.LittleEndian.PutUint64(last[:], word(i, n, salt))
	copy(p, last[:])
}

func check(p []byte, size int, n, salt uint64) error {
	if len(p) != size {
		return fmt.Errorf("%d bytes, not %d", len(p), size)
	}
	i := uint64(0)
	for ; len(p) >= 8; p = p[8:] {
		if binary.LittleEndian.Uint64(p) != word(i, n, salt) {
			return fmt.Errorf("wrong byte near offset %d", 8*i)
		}
		i++
	}
	var last [8]byte
	binary.LittleEndian.PutUint64(last[:], word(i, n, salt))
	if string(p) != string(last[:len(p)]) {
		return errors.New("wrong byte at the end")
	}
	return nil
}

// number tells a request's number, or what there is of it.
func number(header, data []byte) (n uint64, whole bool) {
	from := header
	if len(header) < known && len(data) > len(header) {
		from = data
	}
	var b [8]byte
	copy(b[:], from)
	return binary.LittleEndian.Uint64(b[:]), len(from) >= known
}

// shape says what the messages of a run look like: message n takes length
// n modulo the list's.
type shape struct {
	hdr, size   []int // of requests
	rspHdr, rsp []int // of responses
	segs        int   // of request data; 0 is 1
	echo        bool  // responses are the requests
}

// plain is the shape that most tests use.
var plain = shape{hdr: []int{8}, size: []int{32}, rspHdr: []int{8}, rsp: []int{32}}

func (s shape) args() []string {
	list := func(key string, v []int) string {
		text := make([]string, len(v))
		for i, n := range v {
			text[i] = strconv.Itoa(n)
		}
		return key + "=" + strings.Join(text, ",")
	}
	echo := 0
	if s.echo {
		echo = 1
	}
	return []string{
		list("hdr", s.hdr), list("size", s.size), list("rsphdr", s.rspHdr), list("rsp", s.rsp),
		fmt.Sprintf("segs=%d", max(1, s.segs)), fmt.Sprintf("echo=%d", echo),
	}
}

func pick(v []int, n uint64) int { return v[n%uint64(len(v))] }

// send makes request n and calls.
func (s shape) send(ctx context.Context, c *xio.Connection, n uint64) error {
	size := pick(s.size, n)
	m := &xio.Message{Header: make([]byte, pick(s.hdr, n)), Data: make([]byte, size)}
	fill(m.Header, n, saltRequestHeader)
	fill(m.Data, n, saltRequestData)
	wantSize, wantHeader := size, len(m.Header)
	headerSalt, dataSalt := uint64(saltRequestHeader), uint64(saltRequestData)
	if !s.echo {
		wantSize, wantHeader = pick(s.rsp, n), pick(s.rspHdr, n)
		headerSalt, dataSalt = saltResponseHeader, saltResponseData
	}
	m.MaxResponse = wantSize
	if s.segs > 1 && size >= s.segs {
		part := size / s.segs
		all := m.Data
		m.Data = all[:part]
		for i := 1; i < s.segs; i++ {
			piece := all[i*part : (i+1)*part]
			if i == s.segs-1 {
				piece = all[i*part:]
			}
			b, err := pool.Default().Get(ctx, len(piece))
			if err != nil {
				return err
			}
			copy(b.Bytes(), piece)
			m.Buffers = append(m.Buffers, b)
			defer b.Release()
		}
	}
	rsp, err := c.Call(ctx, m)
	if err != nil {
		return err
	}
	defer rsp.Release()
	if err := check(rsp.Header(), wantHeader, n, headerSalt); err != nil {
		return fmt.Errorf("response %d: header: %w", n, err)
	}
	if err := check(rsp.Data(), wantSize, n, dataSalt); err != nil {
		return fmt.Errorf("response %d: data: %w", n, err)
	}
	return nil
}

// run sends requests 0 to count-1, depth at a time, and returns the first error.
func (s shape) run(ctx context.Context, c *xio.Connection, count uint64, depth int) error {
	var next, ended atomic.Uint64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range depth {
		wg.Go(func() {
			for failed.Load() == nil {
				n := next.Add(1) - 1
				if n >= count {
					return
				}
				if err := s.send(ctx, c, n); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				ended.Add(1)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return fmt.Errorf("after %d calls: %w", ended.Load(), *err)
	}
	return nil
}

// service answers requests of a shape, and remembers what it saw.
type service struct {
	shape
	received atomic.Uint64

	mu      sync.Mutex
	seen    []uint64 // a bit for every number
	problem error
}

func newService(s shape) *service { return &service{shape: s} }

// firstTime says whether a number comes for the first time.
func (s *service) firstTime(n uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n >= 1<<32 {
		return false
	}
	if need := int(n/64) + 1; need > len(s.seen) {
		s.seen = append(s.seen, make([]uint64, need-len(s.seen))...)
	}
	bit := uint64(1) << (n % 64)
	if s.seen[n/64]&bit != 0 {
		return false
	}
	s.seen[n/64] |= bit
	return true
}

func (s *service) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.problem == nil {
		s.problem = err
	}
}

// verify checks a request and returns its number.
func (s *service) verify(r *xio.Request) uint64 {
	n, whole := number(r.Header(), r.Data())
	if err := check(r.Header(), pick(s.hdr, n), n, saltRequestHeader); err != nil {
		s.fail(fmt.Errorf("request %d: header: %w", n, err))
	}
	if err := check(r.Data(), pick(s.size, n), n, saltRequestData); err != nil {
		s.fail(fmt.Errorf("request %d: data: %w", n, err))
	}
	if whole && !s.firstTime(n) {
		s.fail(fmt.Errorf("request %d came twice, or never was sent", n))
	}
	s.received.Add(1)
	return n
}

func (s *service) answer(r *xio.Request, n uint64) error {
	if s.echo {
		return r.Reply(&xio.Message{Header: r.Header(), Data: r.Data()})
	}
	m := &xio.Message{Header: make([]byte, pick(s.rspHdr, n)), Data: make([]byte, pick(s.rsp, n))}
	fill(m.Header, n, saltResponseHeader)
	fill(m.Data, n, saltResponseData)
	return r.Reply(m)
}

// ServeXIO implements [xio.Handler].
func (s *service) ServeXIO(r *xio.Request) {
	if err := s.answer(r, s.verify(r)); err != nil {
		// A handler that just returns ends the request with an error.
		s.fail(fmt.Errorf("reply: %w", err))
	}
}

// require checks that exactly count requests came and nothing was wrong.
func (s *service) require(t *testing.T, count uint64) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NoError(t, s.problem)
	require.Equal(t, count, s.received.Load())
}

func listen(t *testing.T, l xio.ListenConfig, h xio.Handler) *xio.Server {
	t.Helper()
	s, err := l.Listen("tcp://127.0.0.1:0", h)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func dial(t *testing.T, d xio.Dialer, uri string) *xio.Connection {
	t.Helper()
	c, err := d.Dial(testContext(t), uri)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// requireTyped checks that an error is one of this module's, with one of the
// codes.
func requireTyped(t *testing.T, err error, codes ...xio.Code) {
	t.Helper()
	var e *xio.Error
	require.ErrorAs(t, err, &e)
	require.Contains(t, codes, e.Code, "%v", err)
	require.False(t, e.Remote, "%v", err)
}

// lost are the codes of a call whose connection goes.
var lost = []xio.Code{xio.ErrMsgFlushed, xio.ErrClosed, xio.ErrSessionDisconnected, xio.ErrSessionClosed}

// callers keep a connection busy until it goes.
type callers struct {
	progress atomic.Uint64
	wg       sync.WaitGroup
	mu       sync.Mutex
	errs     []error
}

func (s shape) start(ctx context.Context, c *xio.Connection, depth int) *callers {
	var next atomic.Uint64
	b := new(callers)
	for range depth {
		b.wg.Go(func() {
			for {
				if err := s.send(ctx, c, next.Add(1)-1); err != nil {
					b.mu.Lock()
					b.errs = append(b.errs, err)
					b.mu.Unlock()
					return
				}
				b.progress.Add(1)
			}
		})
	}
	return b
}

// atLeast waits until so many calls were answered.
func (b *callers) atLeast(t *testing.T, n uint64) {
	t.Helper()
	for end := time.Now().Add(patience); b.progress.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("only %d of %d calls were answered", b.progress.Load(), n)
		}
	}
}

// end waits for the callers; every one must have got a typed error.
func (b *callers) end(t *testing.T) {
	t.Helper()
	over := make(chan struct{})
	go func() { b.wg.Wait(); close(over) }()
	awaitClosed(t, "the end of all calls", over)
	for _, err := range b.errs {
		requireTyped(t, err, lost...)
	}
}
