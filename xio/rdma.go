// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"context"
	"encoding/binary"
	"syscall"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio/cgo"
)

// RemoteBuffer is memory of one side that the other may read and write directly
// over RDMA, without a message and without its owner's processor. Its owner makes
// it with [Request.Expose] or [Response.Expose] and sends it to the peer, in the
// form of MarshalBinary or in one of its own; the peer uses it with
// [Connection.ReadRDMA] and [Connection.WriteRDMA], on the connection it came by.
//
// A RemoteBuffer is a promise of its owner and nothing more: who invents one, or
// goes beyond it, is stopped by the device of its owner, and loses the connection.
// It is a plain value: any goroutine may have a copy.
//
// Implements:
//
//	int xio_send_rdma(struct xio_connection *conn, struct xio_msg *msg)
type RemoteBuffer struct {
	Addr uint64 // where it begins, in its owner's address space
	Len  uint32 // bytes
	Key  uint32 // of the registration it lies in
}

// remoteBufferSize is the size of MarshalBinary's form.
const remoteBufferSize = 16

// MarshalBinary is the buffer in 16 bytes: Addr, Len and Key, big-endian, in a new
// slice that belongs to the caller. The error is nil.
func (r RemoteBuffer) MarshalBinary() ([]byte, error) {
	return r.AppendBinary(nil)
}

// AppendBinary is MarshalBinary at the end of b, which it returns, copied where it has
// no room. The error is nil.
func (r RemoteBuffer) AppendBinary(b []byte) ([]byte, error) {
	b = binary.BigEndian.AppendUint64(b, r.Addr)
	b = binary.BigEndian.AppendUint32(b, r.Len)
	return binary.BigEndian.AppendUint32(b, r.Key), nil
}

// UnmarshalBinary reads the form of MarshalBinary. Error: ErrMsgInvalid for
// another length, or a buffer beyond the end of the address space.
func (r *RemoteBuffer) UnmarshalBinary(b []byte) error {
	if len(b) != remoteBufferSize {
		return &Error{Op: "rdma", Code: ErrMsgInvalid, Text: "a RemoteBuffer has 16 bytes"}
	}
	got := RemoteBuffer{
		Addr: binary.BigEndian.Uint64(b),
		Len:  binary.BigEndian.Uint32(b[8:]),
		Key:  binary.BigEndian.Uint32(b[12:]),
	}
	if got.Addr+uint64(got.Len) < got.Addr {
		return &Error{Op: "rdma", Code: ErrMsgInvalid, Text: "a RemoteBuffer beyond the address space"}
	}
	*r = got
	return nil
}

// Slice is the part of the buffer from byte i to before byte j. It panics where a
// slice of bytes would.
func (r RemoteBuffer) Slice(i, j int) RemoteBuffer {
	if i < 0 || j < i || uint64(j) > uint64(r.Len) {
		panic("xio: RemoteBuffer.Slice out of range")
	}
	return RemoteBuffer{Addr: r.Addr + uint64(i), Len: uint32(j - i), Key: r.Key}
}

// RDMA says that the connection's transport is RDMA: its URI begins with rdma://.
func (c *Connection) RDMA() bool { return c.rdma }

// mixed says whether Data needs a buffer of its own, as large: over RDMA libxio takes
// registered memory for every segment of a message, or for none.
func (c *Connection) mixed(m *Message) bool {
	return c.rdma && len(m.Data) > 0 && len(m.Buffers) > 0
}

// ReadRDMA reads the peer's memory into b, all of it: b.Len bytes from the
// beginning of from. The peer's application notices nothing.
//
// b stays the caller's, who must leave its bytes alone meanwhile. When ctx ends first
// ReadRDMA returns at once; the library holds a reference of its own to b, and may
// write to it, until it is done. Errors are those of Call, ErrMsgInvalid for a b that
// was released, and ErrNotSupported on a connection that is not over RDMA.
//
// Implements:
//
//	int xio_send_rdma(struct xio_connection *conn, struct xio_msg *msg)
func (c *Connection) ReadRDMA(ctx context.Context, b *pool.Buffer, from RemoteBuffer) error {
	return c.direct(ctx, "rdma read", b, from)
}

// WriteRDMA writes b, all of it, to the beginning of the peer's memory at to. When
// it returns nil the memory has been written. The peer's application notices
// nothing: send it a message afterwards. b belongs to the caller still, and contexts and
// errors are as for ReadRDMA.
//
// Implements:
//
//	int xio_send_rdma(struct xio_connection *conn, struct xio_msg *msg)
func (c *Connection) WriteRDMA(ctx context.Context, to RemoteBuffer, b *pool.Buffer) error {
	return c.direct(ctx, "rdma write", b, to)
}

func (c *Connection) direct(ctx context.Context, op string, b *pool.Buffer, at RemoteBuffer) error {
	switch {
	case !c.rdma:
		return c.notRDMA(op)
	case b.Len() > int(at.Len):
		return &Error{Op: op, URI: c.uri, Code: ErrMsgSize, Text: "more than the RemoteBuffer holds"}
	}
	if err := ctx.Err(); err != nil {
		return contextError(op, c.uri, err)
	}
	if err := c.ready(op); err != nil {
		return err
	}
	if !b.TryRetain() {
		return &Error{Op: op, URI: c.uri, Code: ErrMsgInvalid, Text: releasedText}
	}
	cl, err := c.slot(ctx, true)
	switch {
	case err != nil:
		b.Release()
		return contextError(op, c.uri, err)
	case cl == nil:
		b.Release()
		return c.gone(op)
	}
	cl.gen++
	cl.tx.SetGen(cl.gen)
	cl.tx.SetOneWay(false)
	read := op == "rdma read"
	cl.tx.Direct(read, b.Bytes(), b.Region(), at.Addr, at.Key)
	cl.bufs[0], cl.nbufs = b, 1
	cl.direct = op
	cl.size, cl.got = 0, 0
	if !read {
		cl.size = b.Len()
	}
	_, err = c.await(ctx, cl)
	return err
}

func (c *Connection) notRDMA(op string) error {
	return &Error{Op: op, URI: c.uri, Code: ErrNotSupported, Text: "the connection is not over rdma://"}
}

// Expose lets the peer reach b directly, over the connection that the request came
// by: send it what Expose returns. Only before the request is answered, and not on
// the driver, where Inline handlers run.
//
// The peer can reach b, and whatever shares its registration, until its memory is
// given back to the system: take buffers to expose from a pool of their own, and
// keep them until the peer is known to be done, or gone.
//
// Errors: ErrNotSupported on a connection that is not over RDMA; ErrState when the
// request has been answered; ErrNoUserMR for memory that the connection's device
// does not know.
//
// Implements:
//
//	uint32_t xio_lookup_rkey_by_request(const struct xio_reg_mem *, const struct xio_msg *)
func (r *Request) Expose(b *pool.Buffer) (RemoteBuffer, error) {
	if !r.conn.rdma {
		return RemoteBuffer{}, r.conn.notRDMA("expose")
	}
	return r.conn.expose(b, func() uint32 {
		if r.state.Load() == reqAnswered || r.rx == nil {
			return 0
		}
		return r.rx.Key(b.Bytes(), b.Region())
	})
}

// Expose lets the peer reach b directly, over the connection that the response came
// by, as [Request.Expose] does. The response must have been asked for with
// Message.HoldResponse, and not yet be released; not on the driver, where
// completion functions run. Errors are those of Request.Expose, with ErrState for a
// response that is not held.
//
// Implements:
//
//	uint32_t xio_lookup_rkey_by_response(const struct xio_reg_mem *, const struct xio_msg *)
func (r *Response) Expose(b *pool.Buffer) (RemoteBuffer, error) {
	r.check()
	cl := r.call
	if cl == nil {
		return RemoteBuffer{}, &Error{Op: "expose", Code: ErrState, Text: "the response is not held, see Message.HoldResponse"}
	}
	if !cl.conn.rdma {
		return RemoteBuffer{}, cl.conn.notRDMA("expose")
	}
	return cl.conn.expose(b, func() uint32 { return cl.tx.Key(b.Bytes(), b.Region()) })
}

// expose looks a key up on the driver, while the connection stands.
func (c *Connection) expose(b *pool.Buffer, key func() uint32) (RemoteBuffer, error) {
	if !b.Region().Valid() {
		return RemoteBuffer{}, &Error{Op: "expose", URI: c.uri, Code: ErrNoUserMR}
	}
	var k uint32
	down := false
	if !c.ctx.do(func() {
		if down = c.isDown; !down {
			k = key()
		}
	}) || down {
		return RemoteBuffer{}, c.gone("expose")
	}
	if k == 0 {
		return RemoteBuffer{}, &Error{Op: "expose", URI: c.uri, Code: ErrNoUserMR, Text: "no key for this memory, or the message is not in hand any more"}
	}
	return RemoteBuffer{Addr: cgo.Address(b.Bytes()), Len: uint32(b.Len()), Key: k}, nil
}

// rdmaHint is what helps when an rdma:// URI fails with code, or nothing.
func rdmaHint(rdma bool, code Code) string {
	if !rdma {
		return ""
	}
	switch {
	case code == Code(syscall.ENOPROTOOPT) && cgo.Embedded:
		return "the embedded engine has no RDMA: build with -tags libxio and a libxio that has it, see docs/rdma.md"
	case code == Code(syscall.ENOPROTOOPT) && cgo.RDMADevices() == 0:
		return "libxio was built without RDMA, or found no device when it started: see 'rdma link', and docs/rdma.md"
	case code == Code(syscall.ENODEV), code == Code(syscall.EADDRNOTAVAIL):
		return "no RDMA device has this address, or it has gone: see 'rdma link', and docs/rdma.md; libxio looks for devices once, when the program starts"
	case code == Code(syscall.ENOMEM), code == ErrNoBufs:
		return cgo.LockedMemory
	case code == ErrTimeout:
		return "no answer; a server that cannot lock enough memory gives none: " + cgo.LockedMemory
	case code == ErrConnect, code == ErrUnreachable, code == ErrRoute:
		return "no rdma:// server is there; one of tcp:// does not answer"
	}
	return ""
}
