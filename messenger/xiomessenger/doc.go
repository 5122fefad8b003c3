// SPDX-License-Identifier: Apache-2.0

// Package xiomessenger is the messenger over Accelio: [XioMessenger], built on
// packages xio and pool.
//
//	m, err := xiomessenger.New(messenger.Config{
//		Name: messenger.EntityName{Type: messenger.EntityOSD, Num: 0},
//		Auth: messenger.AuthNone{},
//	}, xiomessenger.Options{})
//	…
//	m.SetDefaultPolicy(messenger.StatelessServer())
//	m.AddDispatcherTail(dispatcher)
//	err = m.Bind(addr) // "xio:127.0.0.1:7000"
//	err = m.Start()
//
// # How a message travels
//
// A message becomes one xio message or several, whose first one has the header in
// the bytes of Ceph's last xio messenger. Data in buffers of package pool is sent from
// where it lies; other data is copied once. What arrives stays where the transport put
// it until the message, and every buffer of it that was retained, is released.
//
// # Portals
//
// A portal is an event loop of package xio. Connections are spread over the portals
// and stay there. Messages are looked at, and fast dispatched, on the portal's loop; so
// a dispatcher's fast methods must not block. Where throttles make a message wait, the
// connection's messages go on by a goroutine of their own, and the portal's other
// connections do not notice.
//
// # Acknowledgements
//
// Under a lossless policy every message is sent with a receipt, which is the
// acknowledgement. Under a lossy policy there is none, and a message's journey ends
// when it has gone out.
//
// # Ceph
//
// [Options.CephCompat] leaves out the handshake, as Ceph's xio messenger had none:
// policies are lossy then, nobody is authenticated, and nothing is negotiated.
package xiomessenger
