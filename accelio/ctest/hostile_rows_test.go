// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The malformed input of accelio-wire 8.1, row by row, and the checks of 8.2
// with what goes against each: what the engine does about it, as server and
// as client. After each, a bystander exchanges messages; memory, descriptors
// and log are looked at.

// logAll makes every line about a peer appear in the log.
const logAll = "20040=1000000"

// row is one line of the tables: attacks by name.
type row struct {
	input   string
	clients []string // of hostile clients
	servers []string // of hostile servers
}

// What libxio 1.7 does stands in the document; it dies of six of them.
var malformedInput = []row{
	{input: "connect type 0, 9, ...",
		clients: []string{"connect type 0", "connect type 9", "connect type 2^32-1", "unknown types that match"}},
	{input: "dual connect message whose second port is the socket's own port",
		clients: []string{"second port is its own"}},
	{input: "nexus version not 0x0100", clients: []string{"nexus version"}, servers: []string{"nexus version"}},
	{input: "reconnect flag with a known cid", clients: []string{"reconnect to a live link", "reconnect to a link of before"}},
	{input: "bad magic", clients: []string{"bad magic", "no magic", "HTTP"}, servers: []string{"garbage"}},
	{input: "L larger than the receive buffer",
		clients: []string{"length above the buffer"}, servers: []string{"length above the buffer"}},
	{input: "L = 2^31", clients: []string{"length 2^31", "length 2^32+80", "length 2^63", "length 2^64-1"}},
	{input: "type with neither request nor response bit", clients: []string{"type 0", "type without direction"}},
	{input: "unknown request type with a valid header", clients: []string{"unknown type"}},
	{input: "header length field not 40",
		clients: []string{"header length 39", "header length 41", "header length 0"}, servers: []string{"header length"}},
	{input: "transport header version not 1", clients: []string{"transport version"}, servers: []string{"transport version"}},
	{input: "entry count above the limits",
		clients: []string{"five out entries", "five in entries", "65535 out entries", "65535 in entries"},
		servers: []string{"more entries than allowed", "65535 entries"}},
	{input: "entry list or application header longer than L",
		clients: []string{"header beyond the end", "lists beyond the end", "pad beyond the end"}},
	{input: "SESSION_SETUP_REQ with URI or private data beyond the payload",
		clients: []string{"setup: URI beyond the end", "setup: URI of 65535", "setup: data beyond the end"}},
	{input: "setup response with portal lengths beyond the payload",
		servers: []string{"portals beyond the end", "portal longer than the rest", "redirect beyond the end"}},
	{input: "response with unknown rtid",
		clients: []string{"response to nothing", "response to a future id", "response to 2^32-1"},
		servers: []string{"response to nothing", "response to 2^32-1"}},
	{input: "out-of-line response longer than the advertised buffer",
		servers: []string{"longer than offered", "2^32-1 bytes"}},
	{input: "out-of-line response with more entries than advertised", servers: []string{"more entries than offered"}},
	{input: "out-of-line request, sum of lengths huge", clients: []string{"more than a message may have", "16 GiB"}},
	{input: "unknown destination session id",
		clients: []string{"request for another session", "large request for another session", "FIN_REQ for another session"}},
	{input: "request as first frame on a new nexus", clients: []string{"a request before a session", "a request first"}},
	{input: "HELLO_REQ for unknown session", clients: []string{"hello for another session", "hello without a session"}},
	{input: "sn mismatch", clients: []string{"sequence gap"}, servers: []string{"sequence gap"}},
	{input: "repeated serial number", clients: []string{"serial repeated", "serial goes back"}},
	{input: "CANCEL_*", clients: []string{"cancel", "cancel of a live request", "cancel of nothing"},
		servers: []string{"cancel of nothing"}},
	{input: "FIN in a wrong state",
		clients: []string{"FIN_RSP to nothing", "FIN_REQ twice"}, servers: []string{"FIN_RSP to nothing", "FIN_RSP to a setup", "FIN_REQ twice"}},
	{input: "EOF inside a frame", clients: []string{"end of stream"}, servers: []string{"end of stream"}},
	{input: "duplicate response", servers: []string{"answer twice"}},
}

var peerChecks = []row{
	{input: "1 connect message",
		clients: []string{"control without second port", "data without second port", "pair of one kind", "pair of two hosts"}},
	{input: "2 TLV",
		clients: []string{"length 0", "length 79", "nexus length 31", "nexus length 33", "nexus length 2^63"}, servers: []string{"nexus length"}},
	{input: "3 nexus setup first and once",
		clients: []string{"no nexus setup", "nexus setup twice", "setup response", "setup response of a client",
			"buffer size 0", "buffer size 1023", "no in entries", "257 in entries", "2^32-1 out entries"},
		servers: []string{"nexus setup twice", "setup request of a server", "nexus status", "nexus status of a reconnect",
			"buffer size 0", "buffer size 95", "no entries", "too many entries"}},
	{input: "4 reconnect", clients: []string{"reconnect", "reconnect to a live link", "reconnect to a link of before"}},
	{input: "5 transport header",
		clients: []string{"out op 0", "out op 1", "out op 3", "out op 5", "out op 255",
			"in op 0", "in op 1", "in op 4", "in op 5", "in op 255", "pad without data"},
		servers: []string{"out op 0", "out op 4"}},
	{input: "6 entries and lengths",
		clients: []string{"length and header differ", "setup: header length", "FIN_REQ with payload", "setup: 3841 bytes"}},
	{input: "7 inline and out-of-line data",
		clients: []string{"inline data 2^63", "inline data 2^64-8", "out entries of an inline request",
			"out-of-line without entries", "out-of-line with inline data", "empty out entry"},
		servers: []string{"inline data 2^63"}},
	{input: "8 response to an outstanding request",
		clients: []string{"receipt of nothing", "keepalive answer to nothing"},
		servers: []string{"response to a setup", "hello answer to a setup", "one-way receipt to a request",
			"keepalive answer to a request", "session answer to nothing", "answer twice"}},
	{input: "9 out-of-line response", servers: []string{"sum of the lengths", "nothing out-of-line", "longer than offered"}},
	{input: "10 inline response larger than the buffers", servers: []string{"too large for the buffers"}},
	{input: "11 session header",
		clients: []string{"session of another link", "sequence repeated", "credits", "credits beyond all counters", "huge numbers in dead fields"}},
	{input: "12 setup payloads",
		clients: []string{"setup: bytes left over", "setup: no URI", "setup: zero inside", "setup: empty", "setup: 27 bytes"},
		servers: []string{"257 portals", "65535 portals", "portal with a zero", "private data beyond the end", "short payload"}},
	{input: "13 redirect",
		servers: []string{"redirect to nowhere", "redirect to rdma://127.0.0.1:1", "redirect to http://127.0.0.1/",
			"redirect to no URI at all", "redirect to tcp://127.0.0.1:99999", "redirect in a circle"}},
	{input: "14 type and state",
		clients: []string{"setup response to a server", "a request after FIN_REQ", "hello for its own session"},
		servers: []string{"session answer twice", "session setup of a server", "unknown action", "a request before the answer", "hello of a server"}},
	{input: "15 receipts",
		servers: []string{"neither receipt nor last", "receipt that nobody wanted", "both, unwanted", "receipt twice"}},
	{input: "16 cancel payload",
		clients: []string{"cancel of 27 bytes", "cancel: header length", "cancel: inner length", "cancel: empty"}},
	{input: "17 resource limits", clients: []string{"sessions beyond the limit"}},
	// checkUnused looks at every frame that a hostile peer gets.
	{input: "18 no uninitialised memory", clients: []string{"every kind of frame"}, servers: []string{"every kind of frame"}},
}

// onSessionStill sends frames to a session that must live on.
func onSessionStill(name string, want reaction, sn uint16, frames ...[]byte) attack {
	a := onSession(name)
	a.want, a.sn = want, sn
	a.run = func(r *rawPeer) []net.Conn {
		c, dst := r.session()
		for _, f := range frames {
			f = bytes.Clone(f)
			if len(f) >= prefixLen && be.Uint32(f[offDst:]) == 0 {
				put32(f, offDst, dst)
			}
			send(c, f)
		}
		return []net.Conn{c}
	}
	return a
}

// reconnect asks for a link by its number: whatever the answer is, it must
// not be the link.
func reconnect(r *rawPeer, cid uint32) {
	r.t.Helper()
	c := r.socket()
	send(c, connectMessage(1, 0), put32(put16(nexusRequest(), 18, 1), 20, cid))
	b := make([]byte, 52)
	if _, err := io.ReadFull(c, b); err == nil && be.Uint32(b[20:]) == 0 {
		r.t.Errorf("the link was handed to a stranger: % x", b)
	}
	closed(r.t, c)
}

// moreAttacks are those that are ignored, or need more than bytes.
func moreAttacks() []attack {
	other := uint32(0x7fffffff)
	cancel := control(0x802, cancelPayload(0, 0, 0, 1))
	list := []attack{
		onSessionStill("huge numbers in dead fields", ignores, 0, put16(put32(head(kaReq, 0), offFlags, math.MaxUint32), 38, 0xffff)),
		onSessionStill("request for another session", ignores, 0, put32(request(8), offDst, other)),
		onSessionStill("large request for another session", ignores, 0,
			put32(entries(2, 4, nil, []uint32{100000}), offDst, other), make([]byte, 100000)),
		onSessionStill("hello for another session", ignores, 0, put32(head(0x202, 0), offDst, other)),
		onSessionStill("FIN_REQ for another session", ignores, 0, put32(head(finReq, 0), offDst, other)),
		onSessionStill("cancel", ignores, 0, cancel),
		onSessionStill("credits", ignores, 1, head(ackReq, 0)),
		onSessionStill("hello for its own session", survives, 0, head(0x202, 0)),
		onSessionStill("cancel of 27 bytes", survives, 0, control(0x802, make([]byte, 27))),
		onSessionStill("cancel: header length", survives, 0, put16(bytes.Clone(cancel), prefixLen, 9)),
		onSessionStill("cancel: inner length", survives, 0, control(0x802, put16(cancelPayload(0, 0, 0, 1), 8, 17))),
		onSessionStill("cancel: empty", survives, 0, control(0x802, nil)),
		onLink("hello without a session", put32(head(0x202, 0), offDst, other)),
		onSession("lists beyond the end", put16(put16(request(8), offInNr, 4), offUlpHdr, 8)),
		{name: "a request before a session", want: checked, run: func(r *rawPeer) []net.Conn {
			c := r.nexus()
			send(c, request(8), control(sessionSetupReq, setupRequest(len(uri), 0, uri)))
			if b := r.frame(c); be.Uint32(b[offType:]) != sessionSetupRsp {
				r.t.Errorf("frame % x", b)
			}
			return nil
		}},
		{name: "cancel of a live request", want: checked, run: func(r *rawPeer) []net.Conn {
			// Its answer may cross the cancel, but comes once.
			c, dst := r.session()
			next := put32(numbered(put32(request(8), offDst, dst), 1, 2), offLtid, 6)
			send(c, numbered(put32(request(8), offDst, dst), 0, 1), put32(bytes.Clone(cancel), offDst, dst), next)
			for answers := 0; ; {
				switch b := r.frame(c); {
				case be.Uint32(b[offType:]) == 0x804:
				case be.Uint32(b[offType:]) != msgRsp:
					r.t.Fatalf("frame % x", b)
				case be.Uint32(b[offRtid:]) == 5:
					answers++
				default:
					if answers != 1 {
						r.t.Errorf("%d answers to a cancelled request", answers)
					}
					return nil
				}
			}
		}},
		{name: "reconnect", want: checked, run: func(r *rawPeer) []net.Conn {
			for _, cid := range []uint32{0, 1, math.MaxUint32} {
				reconnect(r, cid)
			}
			return nil
		}},
		{name: "reconnect to a live link", want: ignores, run: func(r *rawPeer) []net.Conn {
			c, _ := r.session()
			reconnect(r, r.cid)
			return []net.Conn{c}
		}},
		{name: "reconnect to a link of before", want: checked, run: func(r *rawPeer) []net.Conn {
			c, _ := r.session()
			c.Close()
			reconnect(r, r.cid)
			return nil
		}},
		{name: "session of another link", want: ignores, run: func(r *rawPeer) []net.Conn {
			c, dst := r.session()
			d, _ := r.session()
			r.dst = dst
			// Were it taken for its session's, the one below were too old.
			send(d, numbered(put32(request(8), offDst, dst), 0, math.MaxUint32))
			send(d, put32(head(finReq, 0), offDst, dst))
			return []net.Conn{c}
		}},
		{name: "pair of one kind", want: checked, run: func(r *rawPeer) []net.Conn {
			r.noPair(r.socket(), r.socket(), 2, 2)
			r.noPair(r.socket(), r.socket(), 3, 3)
			return nil
		}},
		{name: "pair of two hosts", want: checked, run: func(r *rawPeer) []net.Conn {
			r.noPair(r.socket(), r.socketFrom("127.0.0.2"), 2, 3)
			return nil
		}},
		{name: "end of stream", want: checked, run: func(r *rawPeer) []net.Conn {
			all := conversationBytes()
			for _, n := range []int{0, 7, 8, 9, 24, 55, 56, 71, 150, 160, 200, len(all) - 9000, len(all) - 1} {
				c := r.socket()
				send(c, all[:n])
				c.Close()
			}
			return nil
		}},
		{name: "sessions beyond the limit", want: closes, run: func(r *rawPeer) []net.Conn {
			// A limit of 8 for this server: see TestMalformedInput.
			c := r.nexus()
			for range 9 {
				send(c, control(sessionSetupReq, setupRequest(len(uri), 0, uri)))
			}
			return []net.Conn{c}
		}},
		{name: "every kind of frame", want: checked, run: func(r *rawPeer) []net.Conn {
			c, dst := r.session()
			one := put32(put32(head(oneWayReq, 0), offDst, dst), offFlags, 0x401)
			send(c, numbered(put32(request(30), offDst, dst), 0, 1), numbered(one, 1, 2),
				put32(head(kaReq, 0), offDst, dst), put32(head(finReq, 0), offDst, dst))
			seen := make(map[uint32]bool)
			for !seen[finReq] || !seen[finRsp] {
				seen[be.Uint32(r.frame(c)[offType:])] = true
			}
			for _, typ := range []uint32{msgRsp, oneWayRsp, kaRsp} {
				if !seen[typ] {
					r.t.Errorf("no frame of type %#x came", typ)
				}
			}
			return nil
		}},
	}
	flood := head(ackReq, 0)
	put64(put16(flood, 36, 0xffff), 48, math.MaxUint64)
	var credits [][]byte
	for i := range 5 {
		credits = append(credits, put16(bytes.Clone(flood), offSN, uint16(i)))
	}
	return append(list, onSessionStill("credits beyond all counters", ignores, 5, credits...))
}

// noPair expects two sockets that name each other to be no link.
func (r *rawPeer) noPair(a, b net.Conn, kindA, kindB uint32) {
	r.t.Helper()
	send(a, connectMessage(kindA, localPort(b)), nexusRequest())
	send(b, connectMessage(kindB, localPort(a)), nexusRequest())
	// A link after them would be answered after them.
	r.nexus()
	for _, c := range []net.Conn{a, b} {
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, _ := c.Read(make([]byte, 52)); n > 0 {
			r.t.Errorf("a pair of kinds %d and %d from %v and %v was answered", kindA, kindB, a.LocalAddr(), b.LocalAddr())
		}
		c.Close()
	}
}

// socketFrom connects from another address of this machine.
func (r *rawPeer) socketFrom(host string) net.Conn {
	r.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
	c, err := d.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", r.port))
	if err != nil {
		r.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(peerPatience))
	r.t.Cleanup(func() { c.Close() })
	return c
}

// answered expects a request on the session's link to be answered; tolerant:
// or the link to be closed.
func (r *rawPeer) answered(c net.Conn, sn uint16, tolerant bool) {
	r.t.Helper()
	send(c, numbered(put32(request(8), offDst, r.dst), sn, 1000))
	for {
		if tolerant {
			b := make([]byte, 1)
			if n, _ := c.Read(b); n == 0 {
				return
			}
			rest := r.must(c, tlvLen-1)
			b = append(b, rest...)
			b = append(b, r.must(c, int(be.Uint64(b[offLen:])))...)
			if be.Uint32(b[offType:]) == msgRsp {
				return
			}
			continue
		}
		b := r.frame(c)
		switch typ := be.Uint32(b[offType:]); typ {
		case msgRsp:
			if be.Uint32(b[offRtid:]) != 5 || be.Uint64(b[offUlpImm:]) != 8 {
				r.t.Errorf("answer % x", b)
			}
			return
		case kaRsp:
		default:
			r.t.Fatalf("frame of type %#x", typ)
		}
	}
}

func eventually(t *testing.T, what func() bool, format string, args ...any) {
	t.Helper()
	for end := time.Now().Add(peerPatience); !what(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf(format, args...)
		}
	}
}

// descriptors counts those that a process has open.
func descriptors(t *testing.T, p *enginePeer) int {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

// peerLines are the lines about peers in an engine's log.
func peerLines(p *enginePeer) []string {
	var lines []string
	for line := range strings.Lines(p.errs.String()) {
		if strings.Contains(line, ": peer ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// use makes failures those of t.
func (h *hostileServer) use(t *testing.T) { h.t, h.server.t, h.good.t = t, t, t }

// attack runs one and checks the reaction, the log and the descriptors.
func (h *hostileServer) attack(a attack) {
	h.t.Helper()
	before := len(peerLines(h.server))
	r := &rawPeer{t: h.t, port: h.port}
	conns := a.run(r)
	switch a.want {
	case closes:
		for i, c := range conns {
			closed(h.t, c)
			from := fmt.Sprintf(" %v: ", c.LocalAddr())
			eventually(h.t, func() bool {
				lines := peerLines(h.server)
				return len(lines) > before+i && strings.Contains(strings.Join(lines[before:], ""), from)
			}, "the log has nothing about %s:\n%s", from, h.server.errs.String())
		}
		if n := len(peerLines(h.server)) - before; n != len(conns) {
			h.t.Errorf("%d lines in the log about %d sockets:\n%s", n, len(conns),
				strings.Join(peerLines(h.server)[before:], ""))
		}
	case ignores, survives:
		r.answered(conns[0], a.sn, a.want == survives)
	}
	for _, c := range conns {
		c.Close()
	}
	h.exchange(7)
	if n := len(peerLines(h.server)) - before; n > 20 {
		h.t.Errorf("%d lines in the log about one attack", n)
	}
}

// serverMore are the attacks of servers that need more than bytes.
var serverMore = map[string]func(t *testing.T, h *clientUnderTest){
	"end of stream": func(t *testing.T, h *clientUnderTest) {
		rsp := written(15000, 15000)
		for _, n := range []int{0, 1, 15, 16, 17, 95, 96, 99, 100, 101, 10000, 15099} {
			s := h.begin(afterSession)
			all := append(s.answer(1, rsp), make([]byte, 15000)...)
			send(s.c, all[:n])
			s.c.Close()
			s.checkEnd()
		}
	},
	"redirect in a circle": func(t *testing.T, h *clientUnderTest) {
		// To itself, without end: the client must give up.
		s := h.begin(afterNexus)
		target := "tcp://" + h.l.Addr().String()
		send(s.c, s.answer(0, control(sessionSetupRsp, redirect(target))))
		s.c.Close()
		over := make(chan struct{})
		rounds := make(chan int)
		go func() {
			n := 0
			for {
				h.l.SetDeadline(time.Now().Add(10 * time.Millisecond))
				c, err := h.l.Accept()
				if err != nil {
					select {
					case <-over:
						rounds <- n
						return
					default:
						continue
					}
				}
				n++
				c.SetDeadline(time.Now().Add(peerPatience))
				q := rawServer{rawPeer: rawPeer{t: t}}
				b := make([]byte, 56)
				if _, err := c.Read(b); err == nil {
					send(c, nexusResponse())
					setup := make([]byte, 4096)
					if k, _ := c.Read(setup); k > prefixLen {
						q.reqs, q.dst = [][]byte{setup}, be.Uint32(setup[prefixLen:])
						send(c, q.answer(0, control(sessionSetupRsp, redirect(target))))
					}
				}
				c.Close()
			}
		}()
		s.checkEnd()
		close(over)
		if n := <-rounds; n > 64 {
			t.Errorf("the client followed %d redirects", n)
		}
	},
	"too large for the buffers": func(t *testing.T, _ *clientUnderTest) {
		h := startClient(t, "-i", "100")
		s := h.begin(afterSession)
		send(s.c, s.answer(1, final(101)))
		s.engine.waitFor("error in response [Message too long]")
		b := s.answer(2, put64(put16(final(100), offSN, 1), offSerial, 1))
		send(s.c, b)
		s.engine.waitFor("received response hdr=0 data=100x00")
		s.c.Close()
		s.checkEnd()
		h.bystander()
		h.end()
	},
	"receipt twice": func(t *testing.T, _ *clientUnderTest) {
		h := startClient(t, "-r")
		s := h.begin(afterSession)
		receipt := put32(head(msgRsp, 0), offFlags, 0x800)
		send(s.c, s.answer(1, receipt))
		s.engine.waitFor("delivered")
		send(s.c, s.answer(1, put16(bytes.Clone(receipt), offSN, 1)))
		closed(t, s.c)
		s.checkEnd()
		h.bystander()
		h.end()
	},
	"every kind of frame": func(t *testing.T, h *clientUnderTest) {
		s := h.begin(afterSession) // setup and requests
		send(s.c, put32(head(kaReq, 0), offDst, s.dst), put32(head(finReq, 0), offDst, s.dst))
		seen := make(map[uint32]bool)
		for !seen[finReq] || !seen[finRsp] {
			seen[be.Uint32(s.frame(s.c)[offType:])] = true
		}
		if !seen[kaRsp] {
			t.Errorf("no keepalive answer came")
		}
		s.c.Close()
		s.checkEnd()
	},
}

// TestMalformedInput runs the rows; every attack there is belongs to one.
func TestMalformedInput(t *testing.T) {
	rows := append([]row{}, malformedInput...)
	for _, c := range peerChecks {
		c.input = "check " + c.input
		rows = append(rows, c)
	}
	t.Run("clients", func(t *testing.T) {
		h := startHostile(t, "-O", logAll, "-O", "20020=8")
		attackBy := make(map[string]attack)
		for _, a := range append(attacks(), moreAttacks()...) {
			if _, twice := attackBy[a.name]; twice {
				t.Errorf("two attacks are called %q", a.name)
			}
			attackBy[a.name] = a
		}
		h.exchange(7)
		fds, memory := descriptors(t, h.server), h.memory()
		settled := func() {
			h.t.Helper()
			eventually(h.t, func() bool { return descriptors(h.t, h.server) <= fds },
				"more than the %d descriptors from before are open", fds)
		}
		run := make(map[string]bool)
		for _, row := range rows {
			for _, name := range row.clients {
				t.Run(row.input+"/"+name, func(t *testing.T) {
					h.use(t)
					a, ok := attackBy[name]
					if !ok {
						t.Fatalf("there is no attack %q", name)
					}
					t.Logf("reaction: %s", a.want)
					h.attack(a)
				})
				settled()
				run[name] = true
			}
		}
		h.use(t)
		for name := range attackBy {
			if !run[name] {
				t.Errorf("attack %q is in no row", name)
			}
		}
		if grown := h.memory() - memory; grown > 64<<20 {
			t.Errorf("the server's memory grew by %d MiB", grown>>20)
		}
		h.checkIdle()
		h.end()
	})
	t.Run("servers", func(t *testing.T) {
		h := startClient(t, "-i", "20000")
		attackBy := make(map[string]serverAttack)
		for _, a := range serverAttacks() {
			attackBy[a.name] = a
		}
		h.bystander()
		fds := descriptors(t, h.engine)
		run := make(map[string]bool)
		for _, row := range rows {
			for _, name := range row.servers {
				t.Run(row.input+"/"+name, func(t *testing.T) {
					h.use(t)
					if more, ok := serverMore[name]; ok {
						more(t, h)
						h.bystander()
						return
					}
					a, ok := attackBy[name]
					if !ok {
						t.Fatalf("there is no attack %q", name)
					}
					before := len(peerLines(h.engine))
					h.attack(a)
					if n := len(peerLines(h.engine)) - before; n > 1 {
						t.Errorf("%d lines in the log", n)
					}
				})
				eventually(t, func() bool { return descriptors(t, h.engine) <= fds },
					"more than the %d descriptors from before are open", fds)
				run[name] = true
			}
		}
		h.use(t)
		for name := range attackBy {
			if !run[name] {
				t.Errorf("attack %q is in no row", name)
			}
		}
		h.end()
	})
}

// TestLogRate: many bad peers of one host give few lines.
func TestLogRate(t *testing.T) {
	h := startHostile(t)
	start := time.Now()
	for range 300 {
		r := &rawPeer{t: t, port: h.port}
		c := r.socket()
		send(c, connectMessage(9, 0))
		closed(t, c)
	}
	h.exchange(7)
	h.end()
	lines, seconds := len(peerLines(h.server)), int(time.Since(start)/time.Second)
	if lines < 1 || lines > seconds+2 {
		t.Errorf("%d lines in %d seconds:\n%s", lines, seconds, h.server.errs.String())
	}
}

// TestCreditsOutOfBounds: a server with flow control is told that it may send
// more than any counter holds, again and again.
func TestCreditsOutOfBounds(t *testing.T) {
	const enableFlowControl = 104
	h := startHostile(t, option(enableFlowControl, 1))
	for _, a := range moreAttacks() {
		if strings.HasPrefix(a.name, "credits") {
			t.Run(a.name, func(t *testing.T) {
				h.use(t)
				a.want = survives
				h.attack(a)
			})
		}
	}
	h.use(t)
	h.end()
}
