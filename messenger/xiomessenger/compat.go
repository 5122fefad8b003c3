// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"context"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
)

// compatFeatures are those of a peer that negotiates none: all but the keepalive that
// is answered.
const compatFeatures = messenger.DefaultFeatures &^ messenger.FeatureKeepalive2

// compatReply stands for the reply that Ceph's messenger does not send.
func (x *XioConnection) compatReply() *core.Reply {
	return &core.Reply{
		Tag:        core.TagReady,
		Self:       core.Identity{Name: messenger.EntityName{Num: messenger.UnknownNum}, Addr: x.peer},
		Seen:       messenger.EntityAddr{Type: messenger.AddrXio, Addr: x.LocalAddr()},
		Features:   compatFeatures,
		ConnectSeq: 1,
		Lossy:      true,
	}
}

// compatConnect stands for the connect message that Ceph's messenger does not send:
// who the peer is stands in the header of its first message.
func (x *XioConnection) compatConnect(ctx context.Context) (*core.Connect, error) {
	select {
	case <-x.shakes:
	case <-x.closing.Done():
		return nil, x.broken()
	case <-ctx.Done():
		return nil, x.orBroken(messenger.NewFault(messenger.ErrTimeout, ctx.Err(), "no message"))
	}
	x.mu.Lock()
	first := x.first
	x.mu.Unlock()
	addr := first.addr
	addr.Type = messenger.AddrXio
	return &core.Connect{
		Self: core.Identity{
			Name: messenger.EntityName{Type: first.peerType, Num: first.hdr.Src.Num},
			Addr: addr,
		},
		Features:           compatFeatures,
		ProtocolVersion:    x.t.protocol(first.peerType),
		AuthorizerProtocol: messenger.AuthProtocolUnknown,
		Lossy:              true,
	}, nil
}

// protocol is the version that this side expects.
func (t *transport) protocol(peer messenger.EntityType) uint32 {
	if f := t.cfg.ProtocolVersion; f != nil {
		return f(peer, t.cfg.Name.Type)
	}
	return messenger.CephProtocolVersion(peer, t.cfg.Name.Type)
}

// compatRefused ends the link where the reply is not that the peer may come in, since
// it cannot be told.
func (x *XioConnection) compatRefused(r *core.Reply) error {
	if r.Tag == core.TagReady {
		return nil
	}
	return messenger.NewFault(messenger.ErrBadHandshake, nil, "a peer without a handshake would be told "+r.Tag.String())
}
