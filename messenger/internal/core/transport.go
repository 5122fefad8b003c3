// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"net/netip"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// Transport makes links to peers. It is all that a messenger needs beside this
// package. Methods may be called by several goroutines at once.
type Transport interface {
	// AddrType is the type of the addresses that the transport can reach.
	AddrType() messenger.AddrType
	// StrictSeq says that a gap in the sequence numbers of a link is a fault.
	StrictSeq() bool
	// Dial connects. Nothing has been said yet when it returns. A peer that
	// refuses is a Fault with ErrRefused.
	Dial(ctx context.Context, peer messenger.EntityAddr) (Link, error)
	// Listen makes the transport reachable at an address, whose port may be 0,
	// and returns the address with the port. accept is called with every link
	// that comes in, and must not be kept waiting.
	Listen(addr messenger.EntityAddr, accept func(Link)) (netip.AddrPort, error)
	// Unlisten ends that. Links that came in go on, unless the transport cannot
	// help it.
	Unlisten()
	// Close ends the transport, after all its links are done.
	Close()
}

// Link is one connection of a transport. It is opened by one goroutine with the
// methods of the handshake; from Open on it calls its Handler.
//
// Errors of a link are Faults.
type Link interface {
	// Greet exchanges what comes before the connect message, if there is
	// anything. self is this side's address.
	Greet(ctx context.Context, self messenger.EntityAddr) error
	// WriteConnect and ReadReply are for the side that dialled, ReadConnect and
	// WriteReply for the other one, in turns until the reply is final. What is
	// read belongs to the caller.
	WriteConnect(ctx context.Context, c *Connect) error
	ReadConnect(ctx context.Context) (*Connect, error)
	WriteReply(ctx context.Context, r *Reply) error
	ReadReply(ctx context.Context) (*Reply, error)
	// WriteSeq and ReadSeq are for the numbers behind a reply with TagSeq.
	WriteSeq(ctx context.Context, seq uint64) error
	ReadSeq(ctx context.Context) (uint64, error)

	// Open ends the handshake: what has arrived behind it, and what arrives from
	// now on, goes to h. A link that has broken meanwhile still has the former.
	// It is called once, and calls h itself never.
	Open(h Handler, o Session)
	// Abandon says instead that the link will not be opened.
	Abandon()

	// Send takes a frame, or says that there is no room; then it calls
	// Writable when there is again. It never waits. Frames leave in order. The
	// link retains the frame's message while it needs it.
	Send(f *Frame) bool
	// SendAck tells the peer that everything up to seq has been received. A
	// transport whose links know by themselves does nothing.
	SendAck(seq uint64)
	// SendKeepalive and SendKeepaliveAck carry a time to the peer and back.
	SendKeepalive(stamp time.Time)
	SendKeepaliveAck(stamp time.Time)

	// Close breaks the link, at any time and any number of times, and does not
	// wait. The first reason is what Closed gets.
	Close(why error)
	// Done is closed when nothing more comes of the link, which has been closed,
	// and opened or abandoned: nothing will be received from it any more, and
	// the transport has let go of everything.
	Done() <-chan struct{}
	// RemoteAddr is the other end's place.
	RemoteAddr() netip.AddrPort
	// LocalAddr is this end's place.
	LocalAddr() netip.AddrPort
}

// Session is what the two sides agreed upon.
type Session struct {
	Features messenger.Features
	Lossy    bool
}

// Handler is what an open link calls, never from within a method of the link. It
// calls Receive for one message after the other; the rest may come at any time. Only
// Admit with wait may take long.
type Handler interface {
	// Admit is called with the header of a message before its sections are
	// taken in. It takes what the throttles want, and waits for it if wait is
	// set; otherwise ok is false where it would have to. An error ends the link.
	Admit(ctx context.Context, h *messenger.MsgHeader, wait bool) (c Claim, ok bool, err error)
	// Receive takes over a message that has arrived, and its claim.
	Receive(ctx context.Context, in *Incoming)
	// Delivered: the peer's messenger has every message up to seq.
	Delivered(seq uint64)
	// Sent: the link is done with a frame that it took, whatever became of it. The
	// frame is not the link's any more.
	Sent(f *Frame)
	// Writable: there is room again.
	Writable()
	// Keepalive and KeepaliveAck arrived.
	Keepalive(stamp time.Time, answer bool)
	KeepaliveAck(stamp time.Time)
	// Connection is the session's, for the hooks of its messages.
	Connection() messenger.Connection
	// Closed: the link is broken. It comes once, and messages that had arrived
	// before may come behind it, until Done.
	Closed(why error)
}

// Frame is a message on its way out, encoded.
type Frame struct {
	Header messenger.MsgHeader
	Footer messenger.MsgFooter
	Front  []byte
	Middle []byte
	Data   []messenger.Buffer
	Msg    messenger.Message

	o *outgoing
}

// Seq is the frame's number.
func (f *Frame) Seq() uint64 { return f.Header.Seq }

// Incoming is a message that arrived. It is the transport's, and so may be Front, until
// Receive returns; Middle and Data are handed over.
type Incoming struct {
	Header messenger.MsgHeader
	Footer messenger.MsgFooter
	Front  []byte
	Middle []byte
	Data   []messenger.Buffer
	Claim  Claim

	Recv         time.Time // the first byte was there
	Throttle     time.Time // it was admitted
	RecvComplete time.Time
	// NoHeaderCRC says that the header's CRC cannot be checked.
	NoHeaderCRC bool
	// Memory, if not nil, is released with the message.
	Memory interface{ Release() }
	// Hook, if not nil, becomes the message's.
	Hook messenger.ReplyHook
}

// Tag is the kind of a reply, with msgr v1's values.
//
// Implements: CEPH_MSGR_TAG_*
type Tag uint8

// Tags of replies, and of what flows afterwards.
const (
	TagReady         Tag = 1
	TagResetSession  Tag = 2
	TagWait          Tag = 3
	TagRetrySession  Tag = 4
	TagRetryGlobal   Tag = 5
	TagClose         Tag = 6
	TagMsg           Tag = 7
	TagAck           Tag = 8
	TagKeepalive     Tag = 9
	TagBadProtoVer   Tag = 10
	TagBadAuthorizer Tag = 11
	TagFeatures      Tag = 12
	TagSeq           Tag = 13
	TagKeepalive2    Tag = 14
	TagKeepalive2Ack Tag = 15
	TagChallenge     Tag = 16
)

var tagNames = map[Tag]string{
	TagReady: "READY", TagResetSession: "RESETSESSION", TagWait: "WAIT",
	TagRetrySession: "RETRY_SESSION", TagRetryGlobal: "RETRY_GLOBAL", TagClose: "CLOSE",
	TagMsg: "MSG", TagAck: "ACK", TagKeepalive: "KEEPALIVE", TagBadProtoVer: "BADPROTOVER",
	TagBadAuthorizer: "BADAUTHORIZER", TagFeatures: "FEATURES", TagSeq: "SEQ",
	TagKeepalive2: "KEEPALIVE2", TagKeepalive2Ack: "KEEPALIVE2_ACK", TagChallenge: "CHALLENGE_AUTHORIZER",
}

// String names the tag.
func (t Tag) String() string {
	if s, ok := tagNames[t]; ok {
		return s
	}
	return "unknown tag"
}

// Identity is who one side says it is. Addr is the address it goes by on this
// transport, Addrs all of them where the transport tells.
type Identity struct {
	Name  messenger.EntityName // the number may be unknown
	Addr  messenger.EntityAddr
	Addrs messenger.AddrVec
}

// Connect is what the side that dialled wants.
//
// Implements: ceph_msg_connect
type Connect struct {
	Self               Identity
	Features           messenger.Features
	GlobalSeq          uint32
	ConnectSeq         uint32
	ProtocolVersion    uint32
	AuthorizerProtocol uint32
	Authorizer         []byte
	Lossy              bool
	// Acked is the highest number that this side knows to be delivered. 0 on
	// transports whose acknowledgements come from the messenger itself.
	Acked uint64
}

// Reply is what the other side answers.
//
// Implements: ceph_msg_connect_reply
type Reply struct {
	Tag             Tag
	Self            Identity
	Seen            messenger.EntityAddr // the asking side as it is seen; may be blank
	Features        messenger.Features
	GlobalSeq       uint32
	ConnectSeq      uint32
	ProtocolVersion uint32
	Authorizer      []byte
	Lossy           bool
	InSeq           uint64 // with TagSeq
	Acked           uint64 // as in Connect
}
