// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

// writeTo is a socket that only takes bytes.
type writeTo struct {
	net.Conn
	b *bytes.Buffer
}

func (w writeTo) Write(b []byte) (int, error) { return w.b.Write(b) }

// readFrom is a socket that only gives bytes.
type readFrom struct {
	net.Conn
	b *bytes.Reader
}

func (r readFrom) Read(b []byte) (int, error) { return r.b.Read(b) }

func reader(b []byte) *Wire { return NewWire(readFrom{b: bytes.NewReader(b)}) }

const testMaxMessage = 1 << 16

// readOne reads one message and nothing else.
func readOne(b []byte, i *Integrity) (Sections, error) {
	w := reader(b)
	f, err := w.ReadFrame()
	if err != nil {
		return Sections{}, err
	}
	if f.Tag != TagMsg {
		return Sections{}, messenger.ErrBadMessage
	}
	if err := i.CheckHeader(&f.Header); err != nil {
		return Sections{}, err
	}
	if err := Acceptable(&f.Header, testMaxMessage); err != nil {
		return Sections{}, err
	}
	s, _, err := w.ReadMessage(&f.Header, i)
	if err == nil && w.r.Buffered() > 0 {
		err = messenger.ErrBadMessage
	}
	return s, err
}

// Both sides of an opening exchange, and what follows it.
func TestWire(t *testing.T) {
	a, c := net.Pipe()
	defer a.Close()
	defer c.Close()
	acceptor, connector := NewWire(a), NewWire(c)
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			hello := AcceptorHello{addr(t, "127.0.0.1:6789/1"), addr(t, "127.0.0.1:50000/0")}
			if err := acceptor.Write(hello.Append(nil)); err != nil {
				return err
			}
			if _, err := acceptor.ReadConnectorHello(); err != nil {
				return err
			}
			connect, authorizer, err := acceptor.ReadConnect()
			if err != nil {
				return err
			}
			r := ConnectReply{Tag: TagSeq, GlobalSeq: connect.GlobalSeq}
			if err := acceptor.WriteReply(r, append(authorizer, '!')); err != nil {
				return err
			}
			seq, err := acceptor.ReadSeq()
			if err != nil {
				return err
			}
			return acceptor.WriteSeq(seq + 1)
		}()
	}()
	hello, err := connector.ReadAcceptorHello()
	require.NoError(t, err)
	require.Equal(t, addr(t, "127.0.0.1:50000/0"), hello.Peer)
	own := ConnectorHello{addr(t, "0.0.0.0:0/77")}
	require.NoError(t, connector.Write(own.Append(nil)))
	require.NoError(t, connector.WriteConnect(Connect{GlobalSeq: 8}, []byte("me")))
	r, proof, err := connector.ReadReply()
	require.NoError(t, err)
	require.Equal(t, ConnectReply{Tag: TagSeq, GlobalSeq: 8, AuthorizerLen: 3}, r)
	require.Equal(t, "me!", string(proof))
	require.NoError(t, connector.WriteSeq(41))
	seq, err := connector.ReadSeq()
	require.NoError(t, err)
	require.EqualValues(t, 42, seq)
	require.NoError(t, <-done)
}

// A stranger is told apart by his first bytes.
func TestStranger(t *testing.T) {
	for _, first := range []string{"ceph v2\n\x10", "GET / HTTP/1.1\r\n", "\x00\x00\x00\x00\x00\x00\x00\x00\x00"} {
		_, err := reader([]byte(first)).ReadAcceptorHello()
		require.ErrorIs(t, err, messenger.ErrBadHandshake, "%q", first)
		_, err = reader([]byte(first)).ReadConnectorHello()
		require.ErrorIs(t, err, messenger.ErrBadHandshake, "%q", first)
	}
	_, err := reader([]byte(Banner)[:4]).ReadAcceptorHello()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
