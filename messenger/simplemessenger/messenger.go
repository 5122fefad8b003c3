// SPDX-License-Identifier: Apache-2.0

// Package simplemessenger is SimpleMessenger: a [messenger.Messenger] over plain TCP that speaks
// the first version of Ceph's protocol, byte for byte, with Ceph's own daemons and
// clients, and with others of its kind.
//
// Its addresses have the type [messenger.AddrLegacy]. It needs no C.
//
// # Authentication
//
// What a peer shows to get in is checked by the messenger's Auth, or by a dispatcher; a
// messenger without either lets nobody in. A client of a monitor shows nothing, and
// authenticates by messages: see package monc. Package cephx has what services of a
// cluster show each other; signatures of messages follow from it.
package simplemessenger

import (
	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/messenger/internal/v1"
)

// Messenger is a messenger over TCP. It is safe for concurrent use.
//
// Implements: SimpleMessenger
type Messenger struct{ *core.Messenger }

var _ messenger.Messenger = (*Messenger)(nil)

// New makes a messenger. It does nothing until it is bound or started.
func New(cfg messenger.Config) *Messenger {
	m := &Messenger{}
	t := v1.NewTransport(v1.Options{DisableHeaderCRC: cfg.DisableHeaderCRC, Injector: cfg.Injector})
	core.New(cfg, t, func(c *core.Messenger) messenger.Messenger {
		m.Messenger = c
		return m
	})
	return m
}
