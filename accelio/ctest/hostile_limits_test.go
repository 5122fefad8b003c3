// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The limits of xio_limits.h: what a peer beyond each of them meets, and that
// others do not.

const (
	limitPendingSockets    = 20000
	limitPendingTime       = 20001
	limitSetupTime         = 20002
	limitLinksPerHost      = 20010
	limitLinksPerServer    = 20011
	limitLinksTotal        = 20012
	limitSessionsPerLink   = 20020
	limitSessionsPerServer = 20021
	limitHeldMsgs          = 20030
	limitContextBytes      = 20031
	limitUnsentAnswers     = 20032
	limitMsgBytes          = 20033
)

func option(number, value int) string { return fmt.Sprintf("-O%d=%d", number, value) }

// logged waits for a line about a peer with this text.
func logged(t *testing.T, p *enginePeer, text string) {
	t.Helper()
	eventually(t, func() bool { return strings.Contains(strings.Join(peerLines(p), ""), text) },
		"no line says %q:\n%s", text, p.errs.String())
}

func TestLimitOfPendingSockets(t *testing.T) {
	h := startHostile(t, option(limitPendingSockets, 4))
	r := &rawPeer{t: t, port: h.port}
	other := r.socketFrom("127.0.0.2")
	var mine []net.Conn
	for range 8 {
		mine = append(mine, r.socket())
	}
	// Its own oldest ones went: four wait, one of them of another host.
	for _, c := range mine[:5] {
		closed(t, c)
	}
	logged(t, h.server, "too many sockets wait")
	for _, c := range append(mine[5:], other) {
		send(c, connectMessage(1, 0), nexusRequest())
		r.must(c, 52)
	}
	h.end()
}

func TestLimitOfTime(t *testing.T) {
	h := startHostile(t, option(limitPendingTime, 50), option(limitSetupTime, 50), "-O", logAll)
	r := &rawPeer{t: t, port: h.port}
	silent, half, link := r.socket(), r.socket(), r.socket()
	send(half, connectMessage(2, 7))
	send(link, connectMessage(1, 0))
	for _, c := range []net.Conn{silent, half, link} {
		closed(t, c)
	}
	logged(t, h.server, "no connect message came in time")
	logged(t, h.server, "the other socket of a pair did not come in time")
	logged(t, h.server, "the set-up was not complete in time")
	h.end()
}

// TestLimitOfLinks: the good client has one link, others bring the number to
// the limit; one more is refused, and taken when another has ended.
func TestLimitOfLinks(t *testing.T) {
	for _, l := range []struct {
		name   string
		option int
		says   string
		host   bool // another host has links of its own
	}{
		{"host", limitLinksPerHost, "refused: its host has too many links", true},
		{"server", limitLinksPerServer, "refused: the server has too many links", false},
		{"process", limitLinksTotal, "refused: the process has too many links", false},
	} {
		t.Run(l.name, func(t *testing.T) {
			h := startHostile(t, option(l.option, 4))
			r := &rawPeer{t: t, port: h.port}
			links := []net.Conn{r.nexus(), r.nexus(), r.nexus()}
			refused := r.socket()
			send(refused, connectMessage(1, 0), nexusRequest())
			closed(t, refused)
			logged(t, h.server, l.says)
			other := r.socketFrom("127.0.0.2")
			send(other, connectMessage(1, 0), nexusRequest())
			if l.host {
				r.must(other, 52)
			} else {
				closed(t, other)
			}
			h.exchange(7)
			fds := descriptors(t, h.server)
			links[1].Close()
			eventually(t, func() bool { return descriptors(t, h.server) < fds }, "the link is kept")
			r.nexus()
			for _, c := range append(links, other) {
				c.Close()
			}
			h.exchange(7)
			h.good.command("close")
			h.good.wait()
			h.server.command("quit")
			h.server.wait()
		})
	}
}

func TestLimitOfSessions(t *testing.T) {
	// The good client's session counts for the server.
	for _, l := range []struct {
		name  string
		limit int
		more  int
	}{{"link", limitSessionsPerLink, 5}, {"server", limitSessionsPerServer, 4}} {
		t.Run(l.name, func(t *testing.T) {
			h := startHostile(t, option(l.limit, 5))
			r := &rawPeer{t: t, port: h.port}
			c := r.nexus()
			for range l.more {
				send(c, control(sessionSetupReq, setupRequest(len(uri), 0, uri)))
				if b := r.frame(c); be.Uint32(b[offType:]) != sessionSetupRsp {
					t.Fatalf("frame % x", b)
				}
			}
			send(c, control(sessionSetupReq, setupRequest(len(uri), 0, uri)))
			closed(t, c)
			logged(t, h.server, "too many sessions")
			// All of them are gone, and can be had again.
			c, _ = r.session()
			c.Close()
			h.end()
		})
	}
}

// holds starts a server that answers on command.
func holds(t *testing.T, options ...string) (*enginePeer, *rawPeer) {
	p := startPeer(t, append(options, "-s", "-l", "-S", "1000", "tcp://127.0.0.1:0")...)
	return p, &rawPeer{t: t, port: p.port()}
}

// requests is n requests with data, inline or not, from sn on.
func requests(dst uint32, first, n, data int) []byte {
	var all []byte
	for i := first; i < first+n; i++ {
		b := request(data)
		if data > 8192 {
			b = append(entries(2, 4, nil, []uint32{uint32(data)}), make([]byte, data)...)
		}
		all = append(all, numbered(put32(b, offDst, dst), uint16(i), uint64(i))...)
	}
	return all
}

// settle waits until the server has read what it wants of c: it has taken in
// a later connection and session.
func settle(p *enginePeer, r *rawPeer) {
	r.session()
	p.waitFor("new connection")
}

func received(p *enginePeer) int {
	n := 0
	for _, line := range p.seen {
		if strings.HasPrefix(line, "received ") {
			n++
		}
	}
	return n
}

func TestLimitOfHeldMessages(t *testing.T) {
	p, r := holds(t, option(limitHeldMsgs, 10))
	c, dst := r.session()
	p.waitFor("new connection")
	send(c, requests(dst, 0, 40, 8))
	for range 10 {
		p.waitFor("received request")
	}
	settle(p, r)
	if n := received(p); n != 10 {
		t.Errorf("%d messages were read, not 10", n)
	}
	for range 30 {
		p.command("answer")
		p.waitFor("received request")
	}
	c.Close()
	p.waitFor("session teardown")
	p.command("quit")
}

func TestLimitOfContextBytes(t *testing.T) {
	p, r := holds(t, option(limitContextBytes, 25000))
	for i, want := range []int{3, 4, 5} {
		// The first takes what is allowed and one more; those who come
		// when all is taken get one message each.
		c, dst := r.session()
		p.waitFor("new connection")
		send(c, requests(dst, 0, 5, 10000))
		for range []int{3, 1, 1}[i] {
			p.waitFor("received request")
		}
		settle(p, r)
		if n := received(p); n != want {
			t.Errorf("%d messages were read, not %d", n, want)
		}
	}
	for answered := range 15 {
		if received(p) == answered {
			p.waitFor("received request")
		}
		p.command("answer")
		p.waitFor("sent response")
	}
	p.command("quit")
}

func TestLimitOfMessageSize(t *testing.T) {
	h := startHostile(t, option(limitMsgBytes, 200000))
	r := &rawPeer{t: t, port: h.port}
	c, dst := r.session()
	send(c, requests(dst, 0, 1, 200000))
	if b := r.frame(c); be.Uint32(b[offType:]) != msgRsp {
		t.Errorf("frame % x", b)
	}
	c, dst = r.session()
	send(c, numbered(put32(entries(2, 4, nil, []uint32{100000, 100001}), offDst, dst), 0, 0))
	closed(t, c)
	logged(t, h.server, "frame 0x12: larger than is allowed")
	h.end()
}

// TestLimitOfUnsentAnswers: one at a time is enough to answer all.
func TestLimitOfUnsentAnswers(t *testing.T) {
	h := startHostile(t, option(limitUnsentAnswers, 1))
	r := &rawPeer{t: t, port: h.port}
	c, dst := r.session()
	probe := put32(head(kaReq, 0), offDst, dst)
	const n = 2000
	go func() {
		for range n {
			send(c, probe)
		}
	}()
	c.SetDeadline(time.Now().Add(peerPatience))
	in, b := bufio.NewReader(c), make([]byte, prefixLen)
	for i := range n {
		if _, err := io.ReadFull(in, b); err != nil || be.Uint32(b[offType:]) != kaRsp {
			t.Fatalf("answer %s of %d: %v, % x", strconv.Itoa(i), n, err, b)
		}
	}
	h.end()
}
