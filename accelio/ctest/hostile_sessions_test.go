// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bytes"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Portals, redirect and hello with peers that do not keep to the rules.

const (
	helloReq = 0x202
	helloRsp = 0x204

	limitHelloTime = 20003
)

func hello(dst uint32) []byte { return put32(put32(head(helloReq, 0), offDst, dst), offLtid, 77) }

// moverServer is the engine as a server that sends its clients to portals or
// elsewhere; every callback is an event of it.
type moverServer struct {
	t       *testing.T
	engine  *enginePeer
	first   rawPeer
	portals []rawPeer
}

func startMover(t *testing.T, portals int, args ...string) *moverServer {
	t.Helper()
	args = append([]string{"-s", "-S", "1000", "-P", strconv.Itoa(portals)}, args...)
	m := &moverServer{t: t, engine: startPeer(t, append(args, "tcp://127.0.0.1:0")...)}
	m.first = rawPeer{t: t, port: m.engine.port()}
	for range portals {
		m.portals = append(m.portals, rawPeer{t: t, port: m.engine.port()})
	}
	return m
}

// setup asks for a session on a new link; the answer must be this action.
func (m *moverServer) setup(action uint16) (c net.Conn, id uint32) {
	m.t.Helper()
	c = m.first.nexus()
	send(c, control(sessionSetupReq, setupRequest(len(uri), 0, uri)))
	b := m.first.frame(c)
	if be.Uint32(b[offType:]) != sessionSetupRsp || be.Uint16(b[prefixLen+4:]) != action {
		m.t.Fatalf("session setup was answered with % x", b)
	}
	return c, be.Uint32(b[prefixLen:])
}

// finish is the close that follows on a link whose session goes elsewhere.
func (m *moverServer) finish(c net.Conn, id uint32) {
	m.t.Helper()
	send(c, put32(put32(head(finReq, 0), offDst, id), offLtid, 3))
	for rsp := false; !rsp; {
		b := m.first.frame(c)
		switch typ := be.Uint32(b[offType:]); typ {
		case finReq:
			send(c, put32(put32(head(finRsp, 0), offDst, id), offRtid, be.Uint32(b[offLtid:])))
		case finRsp:
			rsp = true
		default:
			m.t.Fatalf("frame of type %#x", typ)
		}
	}
}

// join says hello on a new link to a portal.
func (m *moverServer) join(portal int, id uint32) net.Conn {
	m.t.Helper()
	p := &m.portals[portal]
	c := p.nexus()
	send(c, hello(id))
	if b := p.frame(c); be.Uint32(b[offType:]) != helloRsp || be.Uint32(b[offRtid:]) != 77 {
		m.t.Fatalf("hello was answered with % x", b)
	}
	return c
}

// works has a request answered.
func (m *moverServer) works(c net.Conn, id uint32, sn uint16, serial uint64) {
	m.t.Helper()
	send(c, numbered(put32(request(8), offDst, id), sn, serial))
	if b := m.first.frame(c); be.Uint32(b[offType:]) != msgRsp {
		m.t.Fatalf("a request was answered with % x", b)
	}
}

// end stops the server; the application must have got this many messages.
func (m *moverServer) end(messages int) {
	m.t.Helper()
	m.engine.command("quit")
	got := 0
	for _, line := range m.engine.wait() {
		if strings.HasPrefix(line, "received ") {
			got++
		}
	}
	if got != messages {
		m.t.Errorf("%d messages reached the application, not %d; events:\n  %s",
			got, messages, strings.Join(m.engine.seen, "\n  "))
	}
}

func TestHello(t *testing.T) {
	m := startMover(t, 2)
	c, id := m.setup(1)
	m.finish(c, id)
	// The numbers of the connections are their own, the serials shared.
	a, b := m.join(0, id), m.join(1, id)
	m.works(a, id, 0, 0)
	m.works(b, id, 0, 1)
	m.works(b, id, 1, 3)
	m.works(a, id, 1, 2)
	// A second session may come over the first link, and so on.
	send(c, control(sessionSetupReq, setupRequest(len(uri), 0, uri)))
	if f := m.first.frame(c); be.Uint32(f[offType:]) != sessionSetupRsp {
		t.Fatalf("session setup was answered with % x", f)
	}
	a.Close()
	b.Close()
	m.engine.waitFor("session teardown")
	m.end(4)
}

func TestHostileHello(t *testing.T) {
	t.Run("ids of nobody", func(t *testing.T) {
		m := startMover(t, 1)
		c, id := m.setup(1)
		m.finish(c, id)
		for _, wrong := range []uint32{id + 1, id + 1024, id - 1, 1 << 31, math.MaxUint32} {
			x := m.portals[0].nexus()
			send(x, hello(wrong))
			closed(t, x)
		}
		m.works(m.join(0, id), id, 0, 0)
		m.end(1)
	})
	t.Run("undecided", func(t *testing.T) {
		m := startMover(t, 0, "-u")
		c := m.first.nexus()
		send(c, control(sessionSetupReq, setupRequest(len(uri), 0, uri)))
		m.engine.waitFor("new connection")
		for id := range uint32(3) {
			x := m.first.nexus()
			send(x, hello(id))
			closed(t, x)
		}
		m.engine.command("accept")
		if b := m.first.frame(c); be.Uint32(b[offType:]) != sessionSetupRsp {
			t.Fatalf("session setup was answered with % x", b)
		} else {
			m.works(c, be.Uint32(b[prefixLen:]), 0, 0)
		}
		m.end(1)
	})
	t.Run("rejected", func(t *testing.T) {
		m := startMover(t, 0, "-j")
		_, id := m.setup(3)
		x := m.first.nexus()
		send(x, hello(id))
		closed(t, x)
		m.end(0)
	})
	t.Run("redirected", func(t *testing.T) {
		m := startMover(t, 1, "-T")
		c, id := m.setup(2)
		x := m.first.nexus()
		send(x, hello(id))
		closed(t, x)
		m.finish(c, id)
		m.end(0)
	})
	t.Run("closed", func(t *testing.T) {
		m := startMover(t, 1)
		c, id := m.setup(1)
		m.finish(c, id)
		m.join(0, id).Close()
		m.engine.waitFor("session teardown")
		x := m.portals[0].nexus()
		send(x, hello(id))
		closed(t, x)
		m.end(0)
	})
	t.Run("too late", func(t *testing.T) {
		m := startMover(t, 1, option(limitHelloTime, 50))
		c, id := m.setup(1)
		m.finish(c, id)
		if reason := m.engine.waitFor("session teardown"); !strings.Contains(strings.ToLower(reason), "time") {
			t.Errorf("the session ended with%s", reason)
		}
		x := m.portals[0].nexus()
		send(x, hello(id))
		closed(t, x)
		m.end(0)
	})
	t.Run("twice", func(t *testing.T) {
		m := startMover(t, 1)
		c, id := m.setup(1)
		m.finish(c, id)
		other := m.join(0, id)
		x := m.join(0, id)
		send(x, hello(id))
		closed(t, x)
		m.works(other, id, 0, 0)
		m.end(1)
	})
	t.Run("on the link of the lead", func(t *testing.T) {
		m := startMover(t, 0)
		c, id := m.setup(1)
		m.works(c, id, 0, 0)
		send(c, hello(id))
		closed(t, c)
		m.end(1)
	})
	t.Run("on the link of the setup", func(t *testing.T) {
		m := startMover(t, 1)
		c, id := m.setup(1)
		send(c, hello(id))
		closed(t, c)
		// The session itself is as it was.
		m.works(m.join(0, id), id, 0, 0)
		m.end(1)
	})
	t.Run("before the link is up", func(t *testing.T) {
		m := startMover(t, 1)
		c, id := m.setup(1)
		m.finish(c, id)
		x := m.portals[0].socket()
		send(x, connectMessage(1, 0), hello(id))
		closed(t, x)
		m.end(0)
	})
	t.Run("with a payload", func(t *testing.T) {
		m := startMover(t, 1)
		c, id := m.setup(1)
		m.finish(c, id)
		x := m.portals[0].nexus()
		send(x, put32(control(helloReq, make([]byte, 600)), offDst, id))
		closed(t, x)
		m.end(0)
	})
}

// TestSetupLinkIsNoConnection: no message comes through where the session is
// not.
func TestSetupLinkIsNoConnection(t *testing.T) {
	for name, how := range map[string]struct {
		args   []string
		action uint16
	}{
		"portals":  {nil, 1},
		"redirect": {[]string{"-T"}, 2},
		"reject":   {[]string{"-j"}, 3},
	} {
		for what, f := range map[string][]byte{
			"request": request(8), "one-way": put32(request(8), offType, oneWayReq), "credits": head(ackReq, 0),
			"large": entries(2, 4, nil, []uint32{9000}),
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				m := startMover(t, 1, how.args...)
				c, id := m.setup(how.action)
				send(c, put32(bytes.Clone(f), offDst, id))
				closed(t, c)
				m.engine.waitFor("connection teardown")
				m.end(0)
			})
		}
	}
	t.Run("portal before hello", func(t *testing.T) {
		m := startMover(t, 1)
		c, id := m.setup(1)
		m.finish(c, id)
		x := m.portals[0].nexus()
		send(x, put32(request(8), offDst, id), put32(head(finReq, 0), offDst, id), hello(id))
		if b := m.first.frame(x); be.Uint32(b[offType:]) != helloRsp {
			t.Fatalf("answer % x", b)
		}
		m.works(x, id, 0, 0)
		m.end(1)
	})
}

// ---- hostile servers -------------------------------------------------------

// leadServer is a raw server that has got a setup request of the engine, whose
// client has two requests queued, and a listener that it can send it to.
type leadServer struct {
	rawServer
	portal *net.TCPListener
}

func startLead(t *testing.T) *leadServer {
	t.Helper()
	s := &leadServer{}
	s.t = t
	loop := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	first, err := net.ListenTCP("tcp4", loop)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if s.portal, err = net.ListenTCP("tcp4", loop); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.portal.Close() })
	s.engine = startPeer(t, "-1", "-n", "2", "-d", "8", option(limitSetupTime, 2000), "tcp://"+first.Addr().String())
	s.c = s.link(first)
	setup := s.frame(s.c)
	s.dst = be.Uint32(setup[prefixLen:])
	s.reqs = [][]byte{setup}
	return s
}

// link accepts the engine's next link.
func (s *leadServer) link(l *net.TCPListener) net.Conn {
	s.t.Helper()
	l.SetDeadline(time.Now().Add(peerPatience))
	c, err := l.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(peerPatience))
	s.must(c, 8+48)
	send(c, nexusResponse())
	return c
}

func text16(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

// toPortal answers the setup with the portal.
func (s *leadServer) toPortal() {
	send(s.c, s.answer(0, control(sessionSetupRsp,
		setupAccept(1, 0, text16("tcp://"+s.portal.Addr().String())))))
}

func redirectTo(n int, texts string) []byte {
	b := make([]byte, 10)
	put16(put16(b, 4, 2), 6, uint16(n))
	return control(sessionSetupRsp, append(b, texts...))
}

func TestHostilePortals(t *testing.T) {
	self := func(s *leadServer, i int, b []byte) []byte {
		return put32(put32(bytes.Clone(b), offDst, s.dst), offRtid, be.Uint32(s.reqs[i][offLtid:]))
	}
	attacks := []struct {
		name string
		say  func(s *leadServer, c net.Conn) // on the link to the portal, after the hello
		want string
	}{
		{"no answer", func(*leadServer, net.Conn) {}, "connection error [Timeout"},
		{"end of stream", func(_ *leadServer, c net.Conn) { c.Close() }, "connection error"},
		{"setup response", func(s *leadServer, c net.Conn) {
			send(c, self(s, 1, control(sessionSetupRsp, setupAccept(0, 0, ""))))
		}, "connection error"},
		{"answer to another", func(s *leadServer, c net.Conn) {
			send(c, put32(self(s, 1, head(helloRsp, 0)), offRtid, 0x123456))
		}, "connection error"},
		{"answer twice", func(s *leadServer, c net.Conn) {
			send(c, self(s, 1, head(helloRsp, 0)), self(s, 1, head(helloRsp, 0)))
		}, "connection disconnected"},
		{"request before the answer", func(s *leadServer, c net.Conn) {
			send(c, put32(request(8), offDst, s.dst))
		}, "connection error"},
		{"FIN_REQ before the answer", func(s *leadServer, c net.Conn) {
			send(c, put32(head(finReq, 0), offDst, s.dst))
		}, "connection error"},
		{"hello of a server", func(s *leadServer, c net.Conn) { send(c, hello(s.dst)) }, "connection error"},
		{"setup request of a server", func(_ *leadServer, c net.Conn) {
			send(c, control(sessionSetupReq, setupRequest(len(uri), 0, uri)))
		}, "connection error"},
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			s := startLead(t)
			s.toPortal()
			c := s.link(s.portal)
			s.reqs = append(s.reqs, s.frame(c))
			if typ := be.Uint32(s.reqs[1][offType:]); typ != helloReq {
				t.Fatalf("frame of type %#x", typ)
			}
			a.say(s, c)
			s.engine.waitFor(a.want)
			s.c.Close()
			s.checkEnd()
		})
	}
}

// TestHostileSetupAnswers: decisions that lead nowhere.
func TestHostileSetupAnswers(t *testing.T) {
	for _, a := range []struct {
		name string
		say  []byte
	}{
		{"redirect to nothing", redirectTo(0, "")},
		{"redirect to an empty text", redirectTo(1, text16(""))},
		{"redirect beyond the end", redirectTo(2, text16("tcp://127.0.0.1:1"))},
		{"redirect with bytes left over", redirectTo(1, text16("tcp://127.0.0.1:1")+"x")},
		{"redirect to 65535", redirectTo(65535, "")},
		{"redirect to text", redirectTo(1, text16("somewhere else"))},
		{"redirect to a zero", redirectTo(1, text16("tcp://127.0.0.1\x00:1"))},
		{"redirect to a long text", redirectTo(1, text16("tcp://"+strings.Repeat("1", 3000)+":1"))},
		{"redirect to rdma", redirectTo(1, text16("rdma://127.0.0.1:1"))},
		{"redirect to what nobody listens on", redirectTo(3, strings.Repeat(text16("tcp://127.0.0.1:1"), 3))},
		{"portal without text", control(sessionSetupRsp, setupAccept(1, 0, text16("")))},
		{"portal of another kind", control(sessionSetupRsp, setupAccept(1, 0, text16("rdma://127.0.0.1:1")))},
		{"portal with a zero", control(sessionSetupRsp, setupAccept(1, 0, text16("\x00")))},
		{"portal that nobody listens on", control(sessionSetupRsp, setupAccept(1, 0, text16("tcp://127.0.0.1:1")))},
		{"portals beyond the end", control(sessionSetupRsp, setupAccept(3, 0, text16("tcp://127.0.0.1:1")))},
	} {
		t.Run(a.name, func(t *testing.T) {
			s := startLead(t)
			send(s.c, s.answer(0, a.say))
			s.engine.waitFor("connection teardown")
			s.c.Close()
			seen := s.engine.wait()
			if n := strings.Count(strings.Join(seen, "\n"), "error out request"); n != 2 {
				t.Errorf("%d of 2 requests came back; events:\n  %s", n, strings.Join(seen, "\n  "))
			}
		})
	}
}

// TestOldLinkIsNoConnection: what the first server says after it has sent the
// session elsewhere does not touch it.
func TestOldLinkIsNoConnection(t *testing.T) {
	for name, say := range map[string]func(s *leadServer) []byte{
		"request":      func(s *leadServer) []byte { return put32(request(8), offDst, s.dst) },
		"second setup": func(s *leadServer) []byte { return s.answer(0, control(sessionSetupRsp, setupAccept(0, 0, ""))) },
		"hello answer": func(s *leadServer) []byte { return s.answer(0, head(helloRsp, 0)) },
		"response":     func(s *leadServer) []byte { return s.answer(0, final(8)) },
		"garbage":      func(*leadServer) []byte { return make([]byte, 200) },
		"nothing":      func(*leadServer) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := startLead(t)
			s.toPortal()
			c := s.link(s.portal)
			h := s.frame(c)
			send(s.c, say(s))
			if name != "nothing" {
				closed(t, s.c)
			}
			send(c, put32(put32(head(helloRsp, 0), offDst, s.dst), offRtid, be.Uint32(h[offLtid:])))
			for i := range 2 {
				b := s.frame(c)
				if be.Uint32(b[offType:]) != msgReq || be.Uint16(b[offSN:]) != uint16(i) {
					t.Fatalf("request % x", b)
				}
				s.reqs = append(s.reqs, b)
				send(c, put16(put64(s.answer(i+1, final(8)), offSerial, uint64(i)), offSN, uint16(i)))
			}
			s.engine.waitFor("received response")
			s.engine.waitFor("received response")
			for _, line := range s.engine.seen {
				if strings.HasPrefix(line, "received request") {
					t.Errorf("event %q", line)
				}
			}
			c.Close()
			s.checkEnd()
		})
	}
}

// TestRedirectForEver: a server that always sends the client back to itself.
func TestRedirectForEver(t *testing.T) {
	s := startLead(t)
	target := "tcp://" + s.portal.Addr().String()
	send(s.c, s.answer(0, redirectTo(1, text16(target))))
	links := 0
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for {
			c, err := s.portal.Accept()
			if err != nil {
				return
			}
			links++
			c.SetDeadline(time.Now().Add(peerPatience))
			b := make([]byte, 8+48)
			if _, err := c.Read(b); err != nil {
				return
			}
			send(c, nexusResponse())
			r := rawPeer{t: t}
			setup := r.frame(c)
			send(c, put32(put32(redirectTo(1, text16(target)), offDst, s.dst), offRtid, be.Uint32(setup[offLtid:])))
			defer c.Close()
		}
	}()
	s.engine.waitFor("connection error")
	s.portal.Close()
	<-stop
	s.c.Close()
	if links == 0 || links > 20 {
		t.Errorf("%d links", links)
	}
	if seen := s.engine.wait(); !strings.Contains(strings.Join(seen, "\n"), "session teardown") {
		t.Error(fmt.Sprint(seen))
	}
}
