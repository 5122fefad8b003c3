// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

type dialled struct {
	conn *xio.Connection
	err  error
}

func dialLater(t *testing.T, d xio.Dialer, uri string) <-chan dialled {
	ch := make(chan dialled, 1)
	ctx := testContext(t)
	go func() {
		c, err := d.Dial(ctx, uri)
		ch <- dialled{c, err}
	}()
	return ch
}

func TestGoClientPrivateData(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		leakCheck(t)
		p := k.start(t, "server", plain.args(), "data=welcome")
		uri := p.uri() + "/volume?id=7"
		c := dial(t, xio.Dialer{PrivateData: []byte("who is there")}, uri)
		require.Equal(t, "uri="+uri+" data=who is there", p.expect("session "))
		require.Equal(t, "welcome", string(c.Session().PeerData()))
		require.NoError(t, plain.run(testContext(t), c, 3, 1))
		require.NoError(t, c.Close())
		p.end()
	})
}

func TestGoServerPrivateData(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		leakCheck(t)
		asked := make(chan xio.SessionRequest, 1)
		s := listen(t, xio.ListenConfig{
			Accept:     func(r *xio.SessionRequest) error { asked <- *r; return nil },
			AcceptData: []byte("come in"),
		}, newService(plain))
		p := k.start(t, "client", port(s.URI()), plain.args(), "data=it is me", "close=1")
		r := await(t, "the request for a session", asked)
		require.Equal(t, "it is me", string(r.PrivateData))
		require.Equal(t, s.URI()+"/interop", r.URI)
		require.Equal(t, "come in", p.expect("accepted data="))
		p.end()
	})
}

func TestGoClientRejected(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		leakCheck(t)
		p := k.start(t, "server", "accept=reject", fmt.Sprintf("reason=%d", xio.ErrNoBufs), "data=not today")
		_, err := xio.Dial(testContext(t), p.uri())
		requireTyped(t, err, xio.ErrSessionRejected)
		p.end()
	})
}

func TestGoServerRejects(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, tc := range []struct {
			name string
			err  error
		}{
			{"code", xio.ErrNoBufs},
			{"error", &xio.Error{Op: "accept", Code: xio.ErrSessionRefused}},
			{"other error", errors.New("not today")},
		} {
			t.Run(tc.name, func(t *testing.T) {
				leakCheck(t)
				s := listen(t, xio.ListenConfig{Accept: func(*xio.SessionRequest) error { return tc.err }}, newService(plain))
				p := k.start(t, "client", port(s.URI()), plain.args())
				require.Equal(t, fmt.Sprint(int32(xio.ErrSessionRejected)), p.expect("event closed reason="))
				p.end()
				require.Equal(t, uint64(1), s.Stats().Rejected)
				require.False(t, p.said("accepted"))
			})
		}
	})
}

// The server takes its time to decide.
func TestGoClientLateVerdict(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		t.Run("accept", func(t *testing.T) {
			leakCheck(t)
			p := k.start(t, "server", plain.args(), "accept=wait")
			ch := dialLater(t, xio.Dialer{}, p.uri())
			p.expect("session ")
			require.Empty(t, ch)
			p.tell("accept")
			d := await(t, "the connection", ch)
			require.NoError(t, d.err)
			require.NoError(t, plain.run(testContext(t), d.conn, 3, 1))
			require.NoError(t, d.conn.Close())
			p.end()
		})
		t.Run("reject", func(t *testing.T) {
			leakCheck(t)
			p := k.start(t, "server", "accept=wait")
			ch := dialLater(t, xio.Dialer{}, p.uri())
			p.expect("session ")
			p.tell("reject")
			requireTyped(t, await(t, "the rejection", ch).err, xio.ErrSessionRejected)
			p.end()
		})
		t.Run("never", func(t *testing.T) {
			leakCheck(t)
			p := k.start(t, "server", "accept=wait")
			_, err := (&xio.Dialer{Timeout: 200 * time.Millisecond}).Dial(testContext(t), p.uri())
			requireTyped(t, err, xio.ErrTimeout)
			p.end()
		})
	})
}

func TestGoServerLateVerdict(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		leakCheck(t)
		asked, verdict := make(chan struct{}, 1), make(chan error)
		s := listen(t, xio.ListenConfig{Accept: func(*xio.SessionRequest) error {
			asked <- struct{}{}
			return <-verdict
		}}, newService(plain))
		for _, v := range []error{nil, xio.ErrSessionRejected} {
			p := k.start(t, "client", port(s.URI()), plain.args(), "close=1")
			await(t, "the request for a session", asked)
			require.False(t, p.said("accepted"))
			verdict <- v
			p.end()
			require.Equal(t, v == nil, p.said("accepted"))
		}
	})
}

// Requests go both ways on one connection at the same time.
func TestGoClientBothWays(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, size := range []int{32, 65536} {
			t.Run(fmt.Sprint(size), func(t *testing.T) {
				leakCheck(t)
				sh := plain
				sh.size, sh.rsp = []int{size}, []int{size}
				svc := newService(sh)
				p := k.start(t, "server", sh.args(), "count=300", "depth=16")
				c := dial(t, xio.Dialer{Handler: svc}, p.uri())
				p.expect("event new")
				p.tell("send")
				require.NoError(t, sh.run(testContext(t), c, 300, 16))
				p.expect("all-ended")
				require.NoError(t, c.Close())
				r := p.end()
				require.Equal(t, uint64(300), r["responses"])
				require.Equal(t, uint64(300), r["received"])
				svc.require(t, 300)
			})
		}
	})
}

func TestGoServerBothWays(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, stream := range []string{"dual", "single"} {
			t.Run(stream, func(t *testing.T) {
				leakCheck(t)
				sh := plain
				sh.size, sh.rsp = []int{32, 65536, 8192}, []int{20000, 32}
				svc := newService(sh)
				connected := make(chan *xio.Connection, 1)
				s := listen(t, xio.ListenConfig{OnConnect: func(c *xio.Connection) { connected <- c }}, svc)
				p := k.start(t, "client", port(s.URI()), sh.args(), "count=300", "depth=16", streamArg(stream))
				c := await(t, "the connection", connected)
				require.NoError(t, sh.run(testContext(t), c, 300, 16))
				p.expect("all-ended")
				require.NoError(t, c.Close())
				r := p.end()
				require.Equal(t, uint64(300), r["responses"])
				require.Equal(t, uint64(300), r["received"])
				svc.require(t, 300)
			})
		}
	})
}

// Several connections at once: each on a Context of its own, and all on one,
// where an installed libxio as peer sees them share one transport connection.
func TestGoClientManyConnections(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, shared := range []bool{false, true} {
			t.Run(fmt.Sprintf("shared=%t", shared), func(t *testing.T) {
				leakCheck(t)
				const conns, calls = 6, 200
				p := k.start(t, "server", plain.args(), fmt.Sprintf("sessions=%d", conns))
				d := xio.Dialer{}
				if shared {
					ctx, err := xio.NewContext(xio.ContextOptions{})
					require.NoError(t, err)
					t.Cleanup(func() { require.NoError(t, ctx.Close()) })
					d.Context = ctx
				}
				// Numbers are told apart over all connections, so each takes its part.
				var all []*xio.Connection
				for range conns {
					all = append(all, dial(t, d, p.uri()))
				}
				errs := make(chan error, conns)
				for i, c := range all {
					ctx := testContext(t)
					go func() {
						var err error
						for n := i * calls; n < (i+1)*calls && err == nil; n++ {
							err = plain.send(ctx, c, uint64(n))
						}
						errs <- errors.Join(err, c.Close())
					}()
				}
				for range conns {
					require.NoError(t, await(t, "a connection's end", errs))
				}
				require.Equal(t, uint64(conns*calls), p.end()["received"])
			})
		}
	})
}

// One server of either kind, many clients one after the other.
func TestGoClientRounds(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		leakCheck(t)
		const rounds = 50
		p := k.start(t, "server", plain.args(), fmt.Sprintf("sessions=%d", rounds))
		uri := p.uri()
		for n := range uint64(rounds) {
			c, err := xio.Dial(testContext(t), uri)
			require.NoError(t, err)
			require.NoError(t, plain.send(testContext(t), c, n))
			require.NoError(t, c.Close())
		}
		require.Equal(t, uint64(rounds), p.end()["answered"])
	})
}

// A server may send requests from the moment it has accepted. They arrive with
// the acceptance, or, in dual stream, ahead of part of it.
func TestGoClientEarlyRequests(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, size := range []int{32, 65536} {
			t.Run(fmt.Sprint(size), func(t *testing.T) {
				leakCheck(t)
				sh := plain
				sh.size = []int{size}
				for range closeRounds {
					svc := newService(sh)
					p := k.start(t, "server", sh.args(), "eager=1", "count=40", "depth=8")
					c := dial(t, xio.Dialer{Handler: svc}, p.uri())
					p.expect("all-ended")
					require.NoError(t, c.Close())
					require.Equal(t, uint64(40), p.end()["responses"])
					svc.require(t, 40)
				}
			})
		}
	})
}

func TestGoServerEarlyRequests(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, stream := range []string{"dual", "single"} {
			t.Run(stream, func(t *testing.T) {
				leakCheck(t)
				results := make(chan error, 1)
				s := listen(t, xio.ListenConfig{OnConnect: func(c *xio.Connection) {
					ctx, cancel := context.WithTimeout(context.Background(), patience)
					defer cancel()
					results <- plain.run(ctx, c, 40, 8)
				}}, newService(plain))
				for range 2 * closeRounds {
					p := k.start(t, "client", port(s.URI()), plain.args(), "count=1", streamArg(stream))
					require.NoError(t, await(t, "the calls", results))
					p.expect("all-ended")
					p.tell("close")
					require.Equal(t, uint64(40), p.end()["received"])
				}
			})
		}
	})
}

// The same with a client that finds the acceptance and the requests at once,
// because it slept meanwhile: in dual stream it can see a request before the
// rest of the acceptance.
func TestGoServerRequestsToSleeper(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, stream := range []string{"dual", "single"} {
			t.Run(stream, func(t *testing.T) {
				leakCheck(t)
				asked, verdict := make(chan struct{}, 1), make(chan error)
				connected := make(chan *xio.Connection, 1)
				s := listen(t, xio.ListenConfig{
					Accept:    func(*xio.SessionRequest) error { asked <- struct{}{}; return <-verdict },
					OnConnect: func(c *xio.Connection) { connected <- c },
				}, newService(plain))
				p := k.start(t, "client", port(s.URI()), plain.args(), "count=1", streamArg(stream))
				await(t, "the request for a session", asked)
				require.NoError(t, p.cmd.Process.Signal(syscall.SIGSTOP))
				verdict <- nil
				c := await(t, "the connection", connected)
				ctx, results := testContext(t), make(chan error, 1)
				go func() { results <- plain.run(ctx, c, 40, 8) }()
				for end := time.Now().Add(patience); c.Stats().Sent < 8 && time.Now().Before(end); {
					time.Sleep(time.Millisecond)
				}
				require.Equal(t, uint64(8), c.Stats().Sent)
				require.NoError(t, p.cmd.Process.Signal(syscall.SIGCONT))
				require.NoError(t, await(t, "the calls", results))
				p.expect("all-ended")
				require.NoError(t, c.Close())
				require.Equal(t, uint64(40), p.end()["received"])
			})
		}
	})
}
