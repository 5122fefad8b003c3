// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/accelio/accelio-go/messenger"
)

// Wire reads and writes the protocol on a stream socket, whole pieces at a time and
// waiting for each. Deadlines are the connection's. One goroutine may read while
// another writes.
type Wire struct {
	conn net.Conn
	r    *bufio.Reader
}

// readAhead is the room for what arrives before it is asked for, in bytes: enough for
// some small messages, while large ones are read to where they belong.
const readAhead = 16 << 10

// NewWire speaks the protocol on c.
func NewWire(c net.Conn) *Wire { return &Wire{conn: c, r: bufio.NewReaderSize(c, readAhead)} }

// Conn is the socket.
func (w *Wire) Conn() net.Conn { return w.conn }

// Write writes bytes at once.
func (w *Wire) Write(b []byte) error {
	_, err := w.conn.Write(b)
	return err
}

func (w *Wire) read(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(w.r, b)
	return b, err
}

// hello reads n bytes that begin with a banner, and gives up at a wrong one.
func (w *Wire) hello(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(w.r, b[:len(Banner)]); err != nil {
		return nil, err
	}
	if err := CheckBanner(b[:len(Banner)]); err != nil {
		return nil, err
	}
	_, err := io.ReadFull(w.r, b[len(Banner):])
	return b, err
}

// ReadAcceptorHello reads what an acceptor says first.
func (w *Wire) ReadAcceptorHello() (h AcceptorHello, err error) {
	b, err := w.hello(AcceptorHelloLen)
	if err == nil {
		err = h.Decode(b)
	}
	return h, err
}

// ReadConnectorHello reads what a connector says first.
func (w *Wire) ReadConnectorHello() (h ConnectorHello, err error) {
	b, err := w.hello(ConnectorHelloLen)
	if err == nil {
		err = h.Decode(b)
	}
	return h, err
}

// WriteConnect writes a connect with its authorizer.
func (w *Wire) WriteConnect(c Connect, authorizer []byte) error {
	c.AuthorizerLen = uint32(len(authorizer))
	return w.Write(append(c.Append(nil), authorizer...))
}

// ReadConnect reads a connect with its authorizer.
func (w *Wire) ReadConnect() (c Connect, authorizer []byte, err error) {
	b, err := w.read(ConnectLen)
	if err == nil {
		err = c.Decode(b)
	}
	if err == nil {
		authorizer, err = w.read(int(c.AuthorizerLen))
	}
	return c, authorizer, err
}

// WriteReply writes the answer to a connect with what belongs to it.
func (w *Wire) WriteReply(r ConnectReply, authorizer []byte) error {
	r.AuthorizerLen = uint32(len(authorizer))
	return w.Write(append(r.Append(nil), authorizer...))
}

// ReadReply reads the answer to a connect with what belongs to it.
func (w *Wire) ReadReply() (r ConnectReply, authorizer []byte, err error) {
	b, err := w.read(ConnectReplyLen)
	if err == nil {
		err = r.Decode(b)
	}
	if err == nil {
		authorizer, err = w.read(int(r.AuthorizerLen))
	}
	return r, authorizer, err
}

// WriteSeq writes this side's in_seq, as it follows TagSeq.
func (w *Wire) WriteSeq(seq uint64) error {
	return w.Write(binary.LittleEndian.AppendUint64(nil, seq))
}

// ReadSeq reads the peer's in_seq.
func (w *Wire) ReadSeq() (uint64, error) {
	b, err := w.read(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// ReadFrame reads the next frame of the stream; of a message only the header, which is
// not checked.
func (w *Wire) ReadFrame() (Frame, error) {
	t, err := w.r.ReadByte()
	if err != nil {
		return Frame{}, err
	}
	b, err := w.read(Tag(t).Body())
	if err != nil {
		return Frame{}, err
	}
	return DecodeFrame(Tag(t), b)
}

// ReadMessage reads what follows a message's header, whose lengths the caller has
// found acceptable, and checks it.
func (w *Wire) ReadMessage(h *messenger.MsgHeader, i *Integrity) (Sections, messenger.MsgFooter, error) {
	var s Sections
	var f messenger.MsgFooter
	var data []byte
	for _, part := range []struct {
		to *[]byte
		n  uint32
	}{{&s.Front, h.FrontLen}, {&s.Middle, h.MiddleLen}, {&data, h.DataLen}} {
		if part.n == 0 {
			continue
		}
		b, err := w.read(int(part.n))
		if err != nil {
			return s, f, err
		}
		*part.to = b
	}
	if data != nil {
		s.Data = [][]byte{data}
	}
	b, err := w.read(messenger.FooterLen(i.Features))
	if err != nil {
		return s, f, err
	}
	d := messenger.NewDecoder(b)
	f.Decode(d, i.Features)
	return s, f, i.Check(h, &s, &f)
}

// WriteMessage seals a message and writes it: a header that is complete but for
// lengths and CRC, and its sections, which are not copied.
func (w *Wire) WriteMessage(h *messenger.MsgHeader, s *Sections, i *Integrity) error {
	f := i.Seal(h, s)
	b := make([]byte, 0, 1+messenger.MsgHeaderLen+messenger.MsgFooterLen)
	b = h.Append(append(b, uint8(TagMsg)))
	n := len(b)
	b = f.Append(b, i.Features)
	v := make(net.Buffers, 0, 4+len(s.Data))
	v = append(v, b[:n], s.Front, s.Middle)
	v = append(append(v, s.Data...), b[n:])
	_, err := v.WriteTo(w.conn)
	return err
}

// Acceptable bounds the lengths that a message's header announces, before memory is
// set aside for them. It fails with a [messenger.Fault] of reason ErrBadMessage.
func Acceptable(h *messenger.MsgHeader, most int64) error {
	if h.Size() > most {
		return messenger.NewFault(messenger.ErrBadMessage, nil,
			fmt.Sprintf("message of %d bytes, at most %d", h.Size(), most))
	}
	return nil
}
