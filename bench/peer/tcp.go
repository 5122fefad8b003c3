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
	// Below this size everything in flight fits into the sockets' buffers,
	// and messages are worth gathering before a system call.
	tcpSmall = 2 << 10
)

// tcpFrame is a message with its header in front, so that one write takes both.
func tcpFrame(size int) []byte {
	b := make([]byte, tcpHeader+size)
	binary.LittleEndian.PutUint32(b, uint32(size))
	return b
}

// tcpRead reads a message into frame, of which it must have the size.
func tcpRead(r io.Reader, frame []byte) error {
	if _, err := io.ReadFull(r, frame); err != nil {
		return err
	}
	if n := binary.LittleEndian.Uint32(frame); int(n) != len(frame)-tcpHeader {
		return fmt.Errorf("a message of %d bytes instead of %d", n, len(frame)-tcpHeader)
	}
	return nil
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

// tcpEcho answers in turn; what is written waits until no whole request is left
// in the read buffer, so that a burst costs one read and one write.
func tcpEcho(c net.Conn, m *serverMeter) error {
	defer c.Close()
	r, w := bufio.NewReaderSize(c, tcpBuffer), bufio.NewWriterSize(c, tcpBuffer)
	frame := tcpFrame(m.size)
	for {
		if err := tcpRead(r, frame); err != nil {
			return err
		}
		m.check(frame[tcpHeader:])
		if _, err := w.Write(frame); err != nil {
			return err
		}
		if r.Buffered() < len(frame) {
			if err := w.Flush(); err != nil {
				return err
			}
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
	f := m.flow()
	slots := m.slots(o.depth)
	frames := make([][]byte, o.depth)
	for i := range slots {
		frames[i] = tcpFrame(o.size)
		slots[i].buf = frames[i][tcpHeader:]
	}
	r, w := bufio.NewReaderSize(c, tcpBuffer), bufio.NewWriterSize(c, tcpBuffer)
	begin := func(i int) {
		f.begin(&slots[i], o.depth)
		binary.LittleEndian.PutUint32(frames[i][4:], uint32(slots[i].stamp))
	}
	send := func(i int) error {
		begin(i)
		_, err := w.Write(frames[i])
		return err
	}
	flush := func() error {
		if r.Buffered() >= tcpHeader+o.size {
			return nil
		}
		return w.Flush()
	}
	if o.size > tcpSmall && o.depth > 1 {
		queue, failed := make(chan int, o.depth), make(chan error, 1)
		defer func() { <-failed }()
		defer close(queue)
		go func() { failed <- tcpWriter(w, frames, queue) }()
		send = func(i int) error {
			begin(i)
			queue <- i
			return nil
		}
		flush = func() error { return nil }
	}
	return tcpRing(f, r, slots, send, flush)
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

// tcpRing keeps all slots in flight; answers come in the order of sending.
func tcpRing(f *flow, r *bufio.Reader, slots []slot, send func(int) error, flush func() error) error {
	for i := range slots {
		if err := send(i); err != nil {
			return err
		}
	}
	frame := tcpFrame(f.m.size)
	for i, running := 0, len(slots); running > 0; i = (i + 1) % len(slots) {
		if err := flush(); err != nil {
			return err
		}
		if err := tcpRead(r, frame); err != nil {
			return err
		}
		more, err := f.end(&slots[i], frame[tcpHeader:])
		if err != nil {
			return err
		}
		if !more {
			running--
			continue
		}
		if err := send(i); err != nil {
			return err
		}
	}
	return nil
}
