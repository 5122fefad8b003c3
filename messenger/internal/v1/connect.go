// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"

	"github.com/accelio/accelio-go/messenger"
)

// Lengths of a connect and of its reply without their authorizers, in bytes.
const (
	ConnectLen      = 33
	ConnectReplyLen = 26
)

// Most bytes of an authorizer, and of the reply to it. Real peers refuse a reply of
// 4096; authorizers are a few hundred bytes.
const (
	MaxAuthorizer      = 64 << 10
	MaxAuthorizerReply = 4095
)

// flagLossy is the one flag there is.
const flagLossy = 1

// Connect asks for a session. The authorizer follows it.
//
// Implements: ceph_msg_connect
type Connect struct {
	Features      messenger.Features // offered
	HostType      messenger.EntityType
	GlobalSeq     uint32 // of the connector's attempts
	ConnectSeq    uint32 // of the session; 0 for a new one
	ProtoVersion  uint32
	AuthProtocol  uint32
	AuthorizerLen uint32 // bytes that follow
	Lossy         bool   // what the connector would like
}

// Append appends the connect without the authorizer.
func (c *Connect) Append(b []byte) []byte {
	e := messenger.NewEncoder(b)
	e.Uint64(uint64(c.Features))
	e.Uint32(uint32(c.HostType))
	e.Uint32(c.GlobalSeq)
	e.Uint32(c.ConnectSeq)
	e.Uint32(c.ProtoVersion)
	e.Uint32(c.AuthProtocol)
	e.Uint32(c.AuthorizerLen)
	e.Bool(c.Lossy)
	return e.Bytes()
}

// Decode reads [ConnectLen] bytes. Its error is a [messenger.Fault] with the reason
// ErrBadHandshake.
func (c *Connect) Decode(b []byte) error {
	d := messenger.NewDecoder(b)
	c.Features = messenger.Features(d.Uint64())
	c.HostType = messenger.EntityType(d.Uint32())
	c.GlobalSeq = d.Uint32()
	c.ConnectSeq = d.Uint32()
	c.ProtoVersion = d.Uint32()
	c.AuthProtocol = d.Uint32()
	c.AuthorizerLen = d.Uint32()
	c.Lossy = d.Uint8()&flagLossy != 0
	if err := handshake(d); err != nil {
		return err
	}
	return boundAuthorizer(c.AuthorizerLen, MaxAuthorizer)
}

// ConnectReply answers a connect. The reply to the authorizer follows it, or a
// challenge, and after that, with [TagSeq], the acceptor's in_seq.
//
// Implements: ceph_msg_connect_reply
type ConnectReply struct {
	Tag           Tag
	Features      messenger.Features // of the acceptor; before the last reply those possible
	GlobalSeq     uint32
	ConnectSeq    uint32
	ProtoVersion  uint32
	AuthorizerLen uint32 // bytes that follow
	Lossy         bool   // what the session will be
}

// Append appends the reply without what follows it.
func (r *ConnectReply) Append(b []byte) []byte {
	e := messenger.NewEncoder(append(b, uint8(r.Tag)))
	e.Uint64(uint64(r.Features))
	e.Uint32(r.GlobalSeq)
	e.Uint32(r.ConnectSeq)
	e.Uint32(r.ProtoVersion)
	e.Uint32(r.AuthorizerLen)
	e.Bool(r.Lossy)
	return e.Bytes()
}

// Decode reads [ConnectReplyLen] bytes; its error is as that of Connect.
func (r *ConnectReply) Decode(b []byte) error {
	d := messenger.NewDecoder(b)
	r.Tag = Tag(d.Uint8())
	r.Features = messenger.Features(d.Uint64())
	r.GlobalSeq = d.Uint32()
	r.ConnectSeq = d.Uint32()
	r.ProtoVersion = d.Uint32()
	r.AuthorizerLen = d.Uint32()
	r.Lossy = d.Uint8()&flagLossy != 0
	if err := handshake(d); err != nil {
		return err
	}
	return boundAuthorizer(r.AuthorizerLen, MaxAuthorizerReply)
}

func boundAuthorizer(n, most uint32) error {
	if n > most {
		return messenger.NewFault(messenger.ErrBadHandshake, nil,
			fmt.Sprintf("authorizer of %d bytes, at most %d", n, most))
	}
	return nil
}
