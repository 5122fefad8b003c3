// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
	"github.com/accelio/accelio-go/xio"
)

// The transport is what stands before the place in the URI, and nothing else.
func TestR27_TransportTypeSelects(t *testing.T) {
	place := netip.MustParseAddrPort("10.0.0.1:7000")
	six := netip.MustParseAddrPort("[fe80::1]:7000")
	for _, c := range []struct{ option, want string }{{"", "tcp"}, {"tcp", "tcp"}, {"rdma", "rdma"}} {
		x, err := New(messenger.Config{}, Options{TransportType: c.option})
		require.NoError(t, err)
		require.Equal(t, c.want+"://10.0.0.1:7000", x.t.uri(place))
		require.Equal(t, c.want+"://[fe80::1]:7000", x.t.uri(six))
		require.Equal(t, c.want+"://*:7000", x.t.uri(netip.AddrPortFrom(netip.Addr{}, 7000)))
		require.Equal(t, messenger.AddrXio, x.AddrType(), "addresses are the same for all of them")
		x.Shutdown()
		x.Wait()
	}
}

// However portals are driven, messages flow; and the portal is the unit of it: more
// connections make no more loops.
func TestR30_R31_PortalsAreDriven(t *testing.T) {
	for name, drive := range map[string]xio.Drive{"auto": xio.DriveAuto, "park": xio.DrivePark, "busy": xio.DriveBusy} {
		t.Run(name, func(t *testing.T) {
			reg := messenger.NewRegistry()
			messages.Register(reg)
			start := func(name messenger.EntityName, p messenger.Policy, portals int, d messenger.Dispatcher, bind bool) *XioMessenger {
				m, err := New(messenger.Config{Name: name, Registry: reg, Auth: messenger.AuthNone{}},
					Options{TransportType: Transport, PortalThreads: portals, Drive: drive})
				require.NoError(t, err)
				require.NoError(t, m.SetDefaultPolicy(p))
				m.AddDispatcherHead(d)
				if bind {
					a := place(t)
					require.NoError(t, m.Bind(a))
				}
				require.NoError(t, m.Start())
				t.Cleanup(func() {
					m.Shutdown()
					m.Wait()
				})
				return m
			}
			echo := &fastEcho{do: func(m messenger.Message) { _ = m.Base().Connection().Send(messages.NewPing()) }}
			back := make(chan struct{}, 1)
			server := start(messenger.EntityName{Type: messenger.EntityOSD}, messenger.StatelessServer(), 1, echo, true)
			client := start(messenger.EntityName{Type: messenger.EntityClient, Num: 1}, messenger.LossyClient(), 2,
				&fastEcho{do: func(messenger.Message) { back <- struct{}{} }}, false)
			const conns = 6
			for range conns {
				c, err := client.ConnectAnonymous(messenger.EntityOSD, server.Addrs())
				require.NoError(t, err)
				for range 10 {
					require.NoError(t, c.Send(messages.NewPing()))
					<-back
				}
			}
			require.Len(t, client.Portals(), 2)
			require.Len(t, client.Links(), conns)
			parks := uint64(0)
			for _, p := range client.Portals() {
				require.Equal(t, conns/2, p.Stats().Connections, "they take turns")
				require.NotZero(t, p.Stats().Turns)
				parks += p.Stats().Parks
			}
			if drive == xio.DriveBusy {
				require.Zero(t, parks, "a busy portal never waits in the system")
			}
		})
	}
}
