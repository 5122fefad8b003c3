// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// Ways to verify.
const (
	verifyAuto = "auto"
	verifyEcho = "echo"
	verifyNone = "none"
)

// printEvery is after how many answers one of them is shown, as the C program
// does.
const printEvery = 4_000_000

// client keeps a ring of requests in flight. One goroutine fills and sends
// them and takes the answers in the order of sending, so that the checksum over
// all answers is that of the stream; the completion functions only note the
// time and hand the answer over.
type client struct {
	o    *options
	src  source
	conn *xio.Connection
	pool *pool.Pool // nil: requests are small enough to be copied
	ring []*slot

	mode     string // verifyAuto until the first answer
	answered atomic.Uint64
	verified uint64
	bytesOut uint64
	bytesIn  uint64
	crcIn    uint32
	echoes   *bool
	began    time.Time
	took     time.Duration
	patience *time.Timer

	mu      sync.Mutex // the completion functions of a timed-out run may still come
	latency *app.Latency
}

// slot is the place of one request in the ring.
type slot struct {
	busy  bool
	buf   []byte
	pbuf  *pool.Buffer
	n     int // bytes of buf in the request
	msg   xio.Message
	done  func(*xio.Response, error)
	start time.Time

	// From the completion to whoever receives from ready.
	rsp   *xio.Response
	err   error
	ready chan struct{}
}

func (o *options) connect(ctx context.Context, src source) (*client, error) {
	c := &client{o: o, src: src, mode: o.verify, latency: app.NewLatency(), patience: time.NewTimer(o.timeout)}
	d := xio.Dialer{Timeout: o.timeout, QueueDepth: o.depth}
	conn, err := d.Dial(ctx, o.URI)
	if err != nil {
		return nil, err
	}
	c.conn = conn
	if err := c.makeRing(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *client) makeRing() error {
	size, depth := c.o.Size, c.o.depth
	if size > xio.MaxInlineData {
		// Large data is sent from registered memory, in place. Sizes are
		// rounded up to powers of two, hence the double limit.
		p, err := pool.New(pool.Config{Limit: max(int64(2*size*depth), 2*pool.MaxBuffer)})
		if err != nil {
			return err
		}
		c.pool = p
	}
	header := []byte(strings.Repeat(app.RequestHeader, xio.MaxHeader/len(app.RequestHeader)+1)[:c.o.header])
	for range depth {
		s := &slot{ready: make(chan struct{}, 1), msg: xio.Message{Header: header}}
		s.done = func(rsp *xio.Response, err error) { c.complete(s, rsp, err) }
		if c.pool != nil {
			b, err := c.pool.TryGet(size)
			if err != nil {
				return fmt.Errorf("%d buffers of %d bytes: %w", depth, size, err)
			}
			s.pbuf = b
			s.buf = b.Bytes()
			s.msg.Buffers = []*pool.Buffer{b}
		} else {
			s.buf = make([]byte, size)
		}
		c.ring = append(c.ring, s)
	}
	return nil
}

// run sends until the source ends, the count or the time is reached, or ctx
// ends, and takes the answers to all that was sent.
func (c *client) run(ctx context.Context) error {
	c.began = time.Now()
	defer func() { c.took = time.Since(c.began) }()
	var next uint64 // requests sent so far
	for ctx.Err() == nil && (c.o.n == 0 || next < c.o.n) {
		if c.o.duration > 0 && time.Since(c.began) >= c.o.duration {
			break
		}
		s := c.ring[next%uint64(len(c.ring))]
		if err := c.settle(s); err != nil {
			return c.ended(err)
		}
		n, err := c.src.Next(s.buf[:c.o.Size])
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := c.send(s, n); err != nil {
			return c.ended(err)
		}
		next++
	}
	for i := range c.ring {
		if err := c.settle(c.ring[(next+uint64(i))%uint64(len(c.ring))]); err != nil {
			return c.ended(err)
		}
	}
	return c.compareFile()
}

func (c *client) send(s *slot, n int) error {
	s.n = n
	if s.pbuf != nil {
		s.pbuf.Resize(n)
	} else {
		s.msg.Data = s.buf[:n]
	}
	s.start = time.Now()
	// Every slot's answer has been taken before it is used again, so there is
	// room in the connection's queue and Send does not wait.
	if err := c.conn.Send(context.Background(), &s.msg, s.done); err != nil {
		return err
	}
	s.busy = true
	c.bytesOut += uint64(n)
	return nil
}

// complete runs on the connection's driver.
func (c *client) complete(s *slot, rsp *xio.Response, err error) {
	took := time.Since(s.start)
	if err == nil {
		c.mu.Lock()
		c.latency.Record(took)
		c.mu.Unlock()
	}
	s.rsp, s.err = rsp, err
	s.ready <- struct{}{}
}

// settle waits for the answer to a slot's request, if one is in flight, and
// verifies it.
func (c *client) settle(s *slot) error {
	if !s.busy {
		return nil
	}
	select {
	case <-s.ready:
	default:
		c.patience.Reset(c.o.timeout)
		select {
		case <-s.ready:
		case <-c.patience.C:
			return fmt.Errorf("no answer from %s within %v", c.o.URI, c.o.timeout)
		}
	}
	s.busy = false
	if s.err != nil {
		return s.err
	}
	err := c.check(s)
	s.rsp.Release()
	s.rsp = nil
	return err
}

// check looks at an answer.
func (c *client) check(s *slot) error {
	count := c.answered.Add(1)
	got := s.rsp.Data()
	c.bytesIn += uint64(len(got))
	if count%printEvery == 0 && !c.o.json {
		fmt.Printf("message: [%d] - %s\n", count, app.Text(s.rsp.Header()))
		fmt.Printf("message: [%d] - %s\n", count, app.Text(got))
	}
	if c.mode == verifyNone {
		return nil
	}
	same := bytes.Equal(got, s.buf[:s.n])
	if c.mode == verifyAuto {
		// The first answer shows what kind of server this is.
		c.echoes = &same
		c.mode = verifyEcho
		if !same {
			c.mode = verifyNone
			return nil
		}
	}
	if !same {
		return fmt.Errorf("answer %d is not the echo of its request: sent %d bytes, CRC32C %08x; got %d bytes, CRC32C %08x (for a server that does not echo: -verify=none)",
			count, s.n, crc32.Checksum(s.buf[:s.n], castagnoli), len(got), crc32.Checksum(got, castagnoli))
	}
	c.verified++
	if c.echoes == nil {
		c.echoes = &same
	}
	if _, ok := c.src.(*file); ok {
		c.crcIn = crc32.Update(c.crcIn, castagnoli, got)
	}
	return nil
}

// ended puts the reason in place of the symptom: requests that were in flight
// when the connection went only say that they were flushed.
func (c *client) ended(err error) error {
	select {
	case <-c.conn.Done():
		if why := c.conn.Err(); why != nil {
			err = why
		}
		return fmt.Errorf("after %d answers: %w", c.answered.Load(), err)
	default:
		return err
	}
}

// compareFile compares what came back with the file as a whole.
func (c *client) compareFile() error {
	f, ok := c.src.(*file)
	if !ok || c.mode != verifyEcho {
		return nil
	}
	if f.bytes != c.bytesIn || f.crc != c.crcIn {
		return fmt.Errorf("%s came back different: %d bytes, CRC32C %08x sent; %d bytes, CRC32C %08x echoed",
			c.o.file, f.bytes, f.crc, c.bytesIn, c.crcIn)
	}
	return nil
}

// close closes the connection and gives the buffers back. It waits no longer
// than the user wants to.
func (c *client) close() error {
	closed := make(chan error, 1)
	go func() {
		err := c.conn.Close()
		for _, s := range c.ring {
			if s.pbuf != nil {
				s.pbuf.Release()
			}
		}
		if c.pool != nil {
			err = errors.Join(err, c.pool.Close())
		}
		closed <- err
	}()
	c.patience.Reset(c.o.timeout)
	select {
	case err := <-closed:
		return err
	case <-c.patience.C:
		return fmt.Errorf("%s did not close within %v", c.o.URI, c.o.timeout)
	}
}

func (c *client) results() *results {
	c.mu.Lock()
	defer c.mu.Unlock()
	secs := c.took.Seconds()
	per := func(n uint64) float64 {
		if secs == 0 {
			return 0
		}
		return float64(n) / secs
	}
	r := &results{
		Program:     "xio_client",
		Engine:      app.RunningEngine(),
		URI:         c.o.URI,
		Depth:       c.o.depth,
		Size:        c.o.Size,
		HeaderSize:  c.o.header,
		Requests:    c.answered.Load(),
		Verified:    c.verified,
		ServerEchos: c.echoes,
		BytesOut:    c.bytesOut,
		BytesIn:     c.bytesIn,
		Seconds:     secs,
		Rate:        per(c.answered.Load()),
		MBOut:       per(c.bytesOut) / 1e6,
		MBIn:        per(c.bytesIn) / 1e6,
		Latency:     c.latency.Percentiles(),
	}
	if f, ok := c.src.(*file); ok {
		r.File = &fileResults{
			Path:      c.o.file,
			BytesRead: f.bytes,
			CRCRead:   fmt.Sprintf("%08x", f.crc),
		}
		if c.mode == verifyEcho {
			r.File.BytesEcho = c.bytesIn
			r.File.CRCEcho = fmt.Sprintf("%08x", c.crcIn)
			r.File.Identical = f.bytes == c.bytesIn && f.crc == c.crcIn
		}
	}
	return r
}
