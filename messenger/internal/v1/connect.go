// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
)

// Lengths of a connect and of its reply without their authorizers, in bytes.
const (
	connectLen = 33
	replyLen   = 26
)

// Most bytes of an authorizer, and of the reply to it. Real peers refuse a reply of
// 4096; authorizers are a few hundred bytes.
const (
	maxAuthorizer      = 64 << 10
	maxAuthorizerReply = 4095
)

// flagLossy is the one flag there is.
const flagLossy = 1

// appendConnect appends a connect with its authorizer.
//
// Implements: ceph_msg_connect
func appendConnect(b []byte, c *core.Connect) []byte {
	e := messenger.NewEncoder(b)
	e.Uint64(uint64(c.Features))
	e.Uint32(uint32(c.Self.Name.Type))
	e.Uint32(c.GlobalSeq)
	e.Uint32(c.ConnectSeq)
	e.Uint32(c.ProtocolVersion)
	e.Uint32(c.AuthorizerProtocol)
	e.Uint32(uint32(len(c.Authorizer)))
	e.Bool(c.Lossy)
	e.Raw(c.Authorizer)
	return e.Bytes()
}

// decodeConnect reads the first connectLen bytes of a connect, and says how many bytes
// of authorizer follow. The address was in the hello.
func decodeConnect(b []byte) (c core.Connect, authorizer int, err error) {
	d := messenger.NewDecoder(b)
	c.Features = messenger.Features(d.Uint64())
	c.Self.Name = messenger.EntityName{Type: messenger.EntityType(d.Uint32()), Num: messenger.UnknownNum}
	c.GlobalSeq = d.Uint32()
	c.ConnectSeq = d.Uint32()
	c.ProtocolVersion = d.Uint32()
	c.AuthorizerProtocol = d.Uint32()
	n := d.Uint32()
	c.Lossy = d.Uint8()&flagLossy != 0
	if err := handshake(d); err != nil {
		return c, 0, err
	}
	authorizer, err = bounded(n, maxAuthorizer)
	return c, authorizer, err
}

// appendReply appends the answer to a connect: with the reply to the authorizer or the
// challenge, and with TagSeq the number of the last message received.
//
// Implements: ceph_msg_connect_reply
func appendReply(b []byte, r *core.Reply) []byte {
	e := messenger.NewEncoder(append(b, uint8(r.Tag)))
	e.Uint64(uint64(r.Features))
	e.Uint32(r.GlobalSeq)
	e.Uint32(r.ConnectSeq)
	e.Uint32(r.ProtocolVersion)
	e.Uint32(uint32(len(r.Authorizer)))
	e.Bool(r.Lossy)
	e.Raw(r.Authorizer)
	if r.Tag == core.TagSeq {
		e.Uint64(r.InSeq)
	}
	return e.Bytes()
}

// decodeReply reads the first replyLen bytes of an answer, and says how many bytes of
// authorizer follow.
func decodeReply(b []byte) (r core.Reply, authorizer int, err error) {
	d := messenger.NewDecoder(b)
	r.Tag = core.Tag(d.Uint8())
	r.Features = messenger.Features(d.Uint64())
	r.GlobalSeq = d.Uint32()
	r.ConnectSeq = d.Uint32()
	r.ProtocolVersion = d.Uint32()
	n := d.Uint32()
	r.Lossy = d.Uint8()&flagLossy != 0
	if err := handshake(d); err != nil {
		return r, 0, err
	}
	authorizer, err = bounded(n, maxAuthorizerReply)
	return r, authorizer, err
}

func bounded(n, most uint32) (int, error) {
	if n > most {
		return 0, messenger.NewFault(messenger.ErrBadHandshake, nil,
			fmt.Sprintf("authorizer of %d bytes, at most %d", n, most))
	}
	return int(n), nil
}
