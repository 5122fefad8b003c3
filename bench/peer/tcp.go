// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// The bound: nothing but the data of a message behind 8 bytes, its length and
// a number. No queue, no limit, no handler on other goroutines, no errors.
const (
	tcpHeader = 8
	tcpBuffer = 64 << 10
	// Up to this size everything in flight fits into the sockets' buffers.
	tcpSmall = 2 << 10
)

// tcpConn reads and writes messages of one size. Small ones are gathered, so
// that a burst costs one system call; those that would fill the buffer are read
// to where they belong, and written from there.
type tcpConn struct {
	net.Conn
	r     io.Reader
	burst *bufio.Reader // r, if it is buffered
	w     *bufio.Writer
	frame []byte // the last message, behind its header
}

func newTCP(c net.Conn, size int) *tcpConn {
	t := &tcpConn{Conn: c, r: c, w: bufio.NewWriterSize(c, tcpBuffer), frame: tcpFrame(size)}
	if size < tcpBuffer/2 {
		t.burst = bufio.NewReaderSize(c, tcpBuffer)
		t.r = t.burst
	}
	return t
}

// tcpFrame is a message with its header in front, so that one write takes both.
func tcpFrame(size int) []byte {
	b := make([]byte, tcpHeader+size)
	binary.LittleEndian.PutUint32(b, uint32(size))
	return b
}

// read reads the next message and returns its data.
func (t *tcpConn) read() ([]byte, error) {
	size := len(t.frame) - tcpHeader
	if _, err := io.ReadFull(t.r, t.frame); err != nil {
		return nil, err
	}
	if n := int(binary.LittleEndian.Uint32(t.frame)); n != size {
		return nil, fmt.Errorf("a message of %d bytes instead of %d", n, size)
	}
	return t.frame[tcpHeader:], nil
}

// flush writes what is gathered, unless another message of the burst is there
// to be read first.
func (t *tcpConn) flush() error {
	if t.burst != nil && t.burst.Buffered() >= len(t.frame) {
		return nil
	}
	return t.w.Flush()
}

func tcpServe(m *serverMeter) (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go tcpEcho(c, m) // ends with the connection
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// tcpEcho answers in turn until the client leaves.
func tcpEcho(c net.Conn, m *serverMeter) error {
	defer c.Close()
	t := newTCP(c, m.size)
	for {
		data, err := t.read()
		if err != nil {
			return err
		}
		m.check(data)
		if _, err := t.w.Write(t.frame); err != nil {
			return err
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
}

// tcpClient is one goroutine that gathers small messages like the server, which
// saves more than a second goroutine could win. With large messages in flight it
// could wait to write while the server waits for it to read, so they are written
// by a goroutine of their own.
func tcpClient(o *options, m *meter) error {
	c, err := net.Dial("tcp", o.addr())
	if err != nil {
		return err
	}
	defer c.Close()
	t, f, slots := newTCP(c, o.size), m.flow(), m.slots(o.depth)
	frames := make([][]byte, o.depth)
	for i := range slots {
		frames[i] = tcpFrame(o.size)
		slots[i].buf = frames[i][tcpHeader:]
	}
	send := func(i int) error {
		_, err := t.w.Write(frames[i])
		return err
	}
	flush := t.flush
	if o.size > tcpSmall && o.depth > 1 {
		queue, failed := make(chan int, o.depth), make(chan error, 1)
		defer func() { <-failed }()
		defer close(queue)
		go func() { failed <- tcpWriter(t.w, frames, queue) }()
		send = func(i int) error {
			queue <- i
			return nil
		}
		flush = func() error { return nil }
	}
	next := func(i int) error {
		f.begin(&slots[i], o.depth)
		binary.LittleEndian.PutUint32(frames[i][4:], uint32(slots[i].stamp))
		return send(i)
	}
	for i := range slots {
		if err := next(i); err != nil {
			return err
		}
	}
	for i, running := 0, o.depth; running > 0; i = (i + 1) % o.depth { // order is kept
		if err := flush(); err != nil {
			return err
		}
		data, err := t.read()
		if err != nil {
			return err
		}
		more, err := f.end(&slots[i], data)
		if err != nil {
			return err
		}
		if !more {
			running--
			continue
		}
		if err := next(i); err != nil {
			return err
		}
	}
	return nil
}

// tcpWriter writes the frames whose index it gets, and flushes when no more
// wait. A failure shows at the reader, too.
func tcpWriter(w *bufio.Writer, frames [][]byte, queue <-chan int) error {
	for i := range queue {
		if _, err := w.Write(frames[i]); err != nil {
			return err
		}
		if len(queue) == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}
