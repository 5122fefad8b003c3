// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"context"
	"fmt"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/xio"
)

// Greet implements core.Link. Nothing comes before the connect message, which has
// everything.
func (x *XioConnection) Greet(ctx context.Context, _ messenger.EntityAddr) error {
	return x.inject(ctx)
}

// say sends a message of the handshake.
func (x *XioConnection) say(ctx context.Context, tag core.Tag, data []byte) error {
	if err := x.inject(ctx); err != nil {
		return err
	}
	var b [handshakeLen]byte
	gone := make(chan error, 1)
	err := x.conn.SendMsg(ctx, &xio.Message{Header: appendHandshake(b[:0], tag), Data: data}, func(err error) { gone <- err })
	if err == nil {
		// What closes the link next must not overtake it.
		err = <-gone
	}
	if err != nil {
		return x.orBroken(fault(err))
	}
	return nil
}

// hear waits for a message of the handshake. Where the link ends meanwhile, what had
// been sent before still counts: the peer may have seen what is behind it acknowledged.
func (x *XioConnection) hear(ctx context.Context, tag core.Tag) ([]byte, error) {
	if err := x.inject(ctx); err != nil {
		x.Close(err)
	}
	var s shake
	select {
	case s = <-x.shakes:
	case <-x.torn:
		select {
		case s = <-x.shakes:
		default:
			return nil, x.broken()
		}
	}
	if s.tag != tag {
		return nil, messenger.NewFault(messenger.ErrBadHandshake, nil, fmt.Sprintf("tag %#x, expected %#x", s.tag, tag))
	}
	return s.data, nil
}

// orBroken prefers the reason why the link has ended to what came of it.
func (x *XioConnection) orBroken(err error) error {
	if why := x.broken(); why != nil {
		return why
	}
	return err
}

// shook takes in a message of the handshake. Driver.
func (x *XioConnection) shook(m *xio.OneWay, h []byte) error {
	d := messenger.NewDecoder(h)
	tag := core.Tag(d.Uint8())
	magic, version := d.Uint32(), d.Uint8()
	switch {
	case d.Err() != nil || d.Len() != 0 || magic != handshakeMagic:
		return messenger.NewFault(messenger.ErrBadHandshake, nil, fmt.Sprintf("unknown tag %#x", tag))
	case version != handshakeVersion:
		return messenger.NewFault(messenger.ErrProtocol, nil, fmt.Sprintf("handshake version %d", version))
	case m.Len() > maxHandshake:
		return messenger.NewFault(messenger.ErrBadHandshake, nil, fmt.Sprintf("%d bytes", m.Len()))
	}
	data := make([]byte, m.Len())
	m.CopyData(data)
	x.mu.Lock()
	x.heard = true
	x.mu.Unlock()
	select {
	case x.shakes <- shake{tag, data}:
		return nil
	default:
		return messenger.NewFault(messenger.ErrBadHandshake, nil, "more than was asked for")
	}
}

// WriteConnect implements core.Link.
func (x *XioConnection) WriteConnect(ctx context.Context, c *core.Connect) error {
	x.tx.self = c.Self
	if x.t.o.CephCompat {
		return x.inject(ctx)
	}
	return x.say(ctx, tagConnect, encodeConnect(c))
}

// ReadConnect implements core.Link.
func (x *XioConnection) ReadConnect(ctx context.Context) (*core.Connect, error) {
	if x.t.o.CephCompat {
		return x.compatConnect(ctx)
	}
	b, err := x.hear(ctx, tagConnect)
	if err != nil {
		return nil, err
	}
	return decodeConnect(b)
}

// WriteReply implements core.Link.
func (x *XioConnection) WriteReply(ctx context.Context, r *core.Reply) error {
	x.tx.self = r.Self
	if x.t.o.CephCompat {
		return x.compatRefused(r)
	}
	return x.say(ctx, tagReply, encodeReply(r))
}

// ReadReply implements core.Link.
func (x *XioConnection) ReadReply(ctx context.Context) (*core.Reply, error) {
	if x.t.o.CephCompat {
		return x.compatReply(), nil
	}
	b, err := x.hear(ctx, tagReply)
	if err != nil {
		return nil, err
	}
	return decodeReply(b)
}

// WriteSeq implements core.Link.
func (x *XioConnection) WriteSeq(ctx context.Context, seq uint64) error {
	return x.say(ctx, tagSeq, encodeSeq(seq))
}

// ReadSeq implements core.Link.
func (x *XioConnection) ReadSeq(ctx context.Context) (uint64, error) {
	b, err := x.hear(ctx, tagSeq)
	if err != nil {
		return 0, err
	}
	return decodeSeq(b)
}
