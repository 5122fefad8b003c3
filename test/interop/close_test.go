// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

// closers are who may close, by the role on this side.
var closers = []string{"us", "them", "both"}

// closeBy closes a connection from the sides that the name says, at once.
func closeBy(who string, p *peer, ours func() error) error {
	var wg sync.WaitGroup
	var err error
	if who != "them" {
		wg.Go(func() { err = ours() })
	}
	switch who {
	case "them":
		p.tell("close")
	case "both":
		// Our close may have ended the peer already: then there is nobody to tell.
		if e := p.write("close"); e != nil && !errors.Is(e, syscall.EPIPE) && !errors.Is(e, os.ErrClosed) {
			p.t.Error(e)
		}
	}
	wg.Wait()
	return err
}

// closeRounds repeats a close: its races differ from time to time.
const closeRounds = 4

func TestGoClientCloses(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, who := range closers {
			t.Run("idle/"+who, func(t *testing.T) {
				leakCheck(t)
				p := k.start(t, "server", plain.args())
				c := dial(t, xio.Dialer{}, p.uri())
				require.NoError(t, plain.run(testContext(t), c, 10, 1))
				require.NoError(t, closeBy(who, p, c.Close))
				awaitClosed(t, "the connection's end", c.Done())
				if who == "them" {
					requireTyped(t, c.Err(), xio.ErrSessionDisconnected, xio.ErrSessionClosed)
				}
				require.NoError(t, c.Close())
				require.ErrorIs(t, plain.send(testContext(t), c, 11), xio.ErrClosed)
				r := p.end()
				require.Equal(t, uint64(10), r["answered"])
			})
			t.Run("requests in flight/"+who, func(t *testing.T) {
				leakCheck(t)
				p := k.start(t, "server", plain.args(), "hold=1")
				c := dial(t, xio.Dialer{}, p.uri())
				calls := plain.start(testContext(t), c, 8)
				p.expect("held 8")
				require.NoError(t, closeBy(who, p, c.Close))
				calls.end(t)
				for _, err := range calls.errs {
					require.ErrorIs(t, err, xio.ErrMsgFlushed)
				}
				require.NoError(t, c.Close())
				r := p.end()
				require.Equal(t, uint64(8), r["received"])
				require.Equal(t, uint64(8), r["discarded"])
			})
			t.Run("traffic/"+who, func(t *testing.T) {
				leakCheck(t)
				sh := shape{hdr: []int{8}, size: []int{32, 8192, 20000}, rspHdr: []int{8}, rsp: []int{20000, 32, 9120}}
				for range closeRounds {
					p := k.start(t, "server", sh.args())
					c := dial(t, xio.Dialer{QueueDepth: 16}, p.uri())
					calls := sh.start(testContext(t), c, 32)
					calls.atLeast(t, 200)
					require.NoError(t, closeBy(who, p, c.Close))
					calls.end(t)
					require.NoError(t, c.Close())
					r := p.end()
					require.Equal(t, r["received"], r["answered"]+r["discarded"])
					require.GreaterOrEqual(t, r["received"], calls.progress.Load())
				}
			})
		}
	})
}

// The server closes behind its last response: all of them arrive.
func TestGoClientServerIsDone(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		leakCheck(t)
		const count = 200
		for range closeRounds {
			p := k.start(t, "server", plain.args(), "close=1", fmt.Sprintf("count=%d", count))
			c := dial(t, xio.Dialer{}, p.uri())
			require.NoError(t, plain.run(testContext(t), c, count, 16))
			awaitClosed(t, "the connection's end", c.Done())
			requireTyped(t, c.Err(), xio.ErrSessionDisconnected, xio.ErrSessionClosed)
			require.NoError(t, c.Close())
			require.Equal(t, uint64(count), p.end()["answered"])
		}
	})
}

// The peer's death ends every call with an error, at once, and the connection.
func TestGoClientPeerKilled(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, tc := range []struct {
			name  string
			shape shape
		}{
			{"small", plain},
			{"1 MiB", shape{hdr: []int{8}, size: []int{mib}, rspHdr: []int{8}, rsp: []int{0}, echo: true}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				leakCheck(t)
				p := k.start(t, "server", tc.shape.args())
				c := dial(t, xio.Dialer{}, p.uri())
				calls := tc.shape.start(testContext(t), c, 16)
				calls.atLeast(t, 40)
				p.kill()
				calls.end(t)
				awaitClosed(t, "the connection's end", c.Done())
				requireTyped(t, c.Err(), xio.ErrSessionDisconnected)
				require.NoError(t, c.Close())
			})
		}
	})
}

// A client of a server that is gone learns so.
func TestGoClientNobodyListens(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		p := k.start(t, "server")
		uri := p.uri()
		p.kill()
		_, err := xio.Dial(testContext(t), uri)
		requireTyped(t, err, xio.ErrConnect)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

// endings collects what a server tells of its connections' ends.
func endings() (xio.ListenConfig, <-chan error) {
	ended := make(chan error, 64)
	return xio.ListenConfig{OnDisconnect: func(_ *xio.Connection, err error) { ended <- err }}, ended
}

const endless = "count=1000000000"

func TestGoServerCloses(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, stream := range []string{"dual", "single"} {
			for _, who := range closers {
				t.Run(stream+"/idle/"+who, func(t *testing.T) {
					leakCheck(t)
					svc := newService(plain)
					cfg, ended := endings()
					s := listen(t, cfg, svc)
					p := k.start(t, "client", port(s.URI()), plain.args(), "count=10", streamArg(stream))
					p.expect("all-ended")
					require.NoError(t, closeBy(who, p, s.Close))
					require.Error(t, await(t, "the connection's end", ended))
					r := p.end()
					require.Equal(t, uint64(10), r["responses"])
					svc.require(t, 10)
				})
				t.Run(stream+"/requests in flight/"+who, func(t *testing.T) {
					leakCheck(t)
					cfg, ended := endings()
					arrived := make(chan *xio.Request, 8)
					s := listen(t, cfg, xio.HandlerFunc(func(r *xio.Request) { r.Detach(); arrived <- r }))
					p := k.start(t, "client", port(s.URI()), plain.args(), "depth=8", endless, streamArg(stream))
					var held []*xio.Request
					for range 8 {
						held = append(held, await(t, "a request", arrived))
					}
					// Close waits for what is held, which is answered below.
					closed := make(chan error, 1)
					go func() { closed <- closeBy(who, p, s.Close) }()
					for _, r := range held {
						awaitClosed(t, "the request's end", r.Context().Done())
						n, _ := number(r.Header(), r.Data())
						require.NoError(t, check(r.Data(), 32, n, saltRequestData))
						requireTyped(t, r.Reply(&xio.Message{Data: r.Data()}), xio.ErrMsgDiscarded)
					}
					require.NoError(t, await(t, "the close", closed))
					require.Error(t, await(t, "the connection's end", ended))
					r := p.end()
					require.Equal(t, uint64(8), r["flushed"])
				})
				t.Run(stream+"/traffic/"+who, func(t *testing.T) {
					leakCheck(t)
					sh := shape{hdr: []int{8}, size: []int{32, 8192, 20000}, rspHdr: []int{8}, rsp: []int{20000, 32, 9120}}
					for range closeRounds {
						cfg, ended := endings()
						s := listen(t, cfg, leaving{newService(sh)})
						p := k.start(t, "client", port(s.URI()), sh.args(), "depth=32", endless, streamArg(stream))
						p.expect("responses 100")
						require.NoError(t, closeBy(who, p, s.Close))
						require.Error(t, await(t, "the connection's end", ended))
						r := p.end()
						require.Equal(t, r["sent"], r["responses"]+r["flushed"])
						require.NoError(t, s.Close())
					}
				})
			}
		}
	})
}

// leaving is a service whose requester may be gone when it replies.
type leaving struct{ *service }

func (l leaving) ServeXIO(r *xio.Request) {
	if err := l.answer(r, l.verify(r)); err != nil {
		l.fail(err)
	}
}

// A client's death ends its requests and its connection; the server goes on.
func TestGoServerPeerKilled(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, stream := range []string{"dual", "single"} {
			t.Run(stream+"/held", func(t *testing.T) {
				leakCheck(t)
				cfg, ended := endings()
				arrived := make(chan *xio.Request, 8)
				s := listen(t, cfg, xio.HandlerFunc(func(r *xio.Request) { r.Detach(); arrived <- r }))
				p := k.start(t, "client", port(s.URI()), plain.args(), "depth=8", endless, streamArg(stream))
				var held []*xio.Request
				for range 8 {
					held = append(held, await(t, "a request", arrived))
				}
				p.kill()
				for _, r := range held {
					awaitClosed(t, "the request's end", r.Context().Done())
					require.ErrorIs(t, r.Context().Err(), context.Canceled)
					requireTyped(t, context.Cause(r.Context()), xio.ErrSessionDisconnected)
					requireTyped(t, r.Reply(&xio.Message{}), xio.ErrMsgDiscarded)
				}
				requireTyped(t, await(t, "the connection's end", ended), xio.ErrSessionDisconnected)
			})
			t.Run(stream+"/1 MiB", func(t *testing.T) {
				leakCheck(t)
				sh := shape{hdr: []int{8}, size: []int{mib}, rspHdr: []int{8}, rsp: []int{0}, echo: true}
				cfg, ended := endings()
				s := listen(t, cfg, leaving{newService(sh)})
				p := k.start(t, "client", port(s.URI()), sh.args(), "depth=16", endless, streamArg(stream))
				p.expect("responses 100")
				p.kill()
				requireTyped(t, await(t, "the connection's end", ended), xio.ErrSessionDisconnected)

				after := k.start(t, "client", port(s.URI()), sh.args(), "count=3", "close=1", streamArg(stream))
				require.Equal(t, uint64(3), after.end()["responses"])
			})
		}
	})
}

// Closed here means net.ErrClosed too, whatever the peer is.
func TestGoClientErrClosed(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		leakCheck(t)
		p := k.start(t, "server")
		c := dial(t, xio.Dialer{}, p.uri())
		require.NoError(t, c.Close())
		require.ErrorIs(t, plain.send(testContext(t), c, 0), net.ErrClosed)
		p.end()
	})
}
