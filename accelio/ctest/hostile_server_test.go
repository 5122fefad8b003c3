// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bytes"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
	"time"
)

// Hostile servers: the engine is the client.

// clientUnderTest is an engine's client with a session to a good server, the
// bystander, which connects to bad servers on command.
type clientUnderTest struct {
	t      *testing.T
	echo   *enginePeer // the good server
	engine *enginePeer
	l      *net.TCPListener
}

// startClient starts it; options say what its two requests are like.
func startClient(t *testing.T, options ...string) *clientUnderTest {
	t.Helper()
	h := &clientUnderTest{t: t}
	h.echo = startPeer(t, "-s", "-e", "tcp://127.0.0.1:0")
	var err error
	if h.l, err = net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.l.Close() })
	options = append(options, "-1", "-n", "2", "-d", "8", "-O", logAll,
		"-b", fmt.Sprintf("tcp://127.0.0.1:%d", h.echo.port()), "tcp://"+h.l.Addr().String())
	h.engine = startPeer(t, options...)
	h.engine.waitFor("bystander established")
	return h
}

// use makes failures those of t.
func (h *clientUnderTest) use(t *testing.T) { h.t, h.echo.t, h.engine.t = t, t, t }

// bystander has the good session exchange messages.
func (h *clientUnderTest) bystander() {
	h.t.Helper()
	h.engine.command("bystander")
	h.engine.waitFor("bystander echoed")
}

// end closes everything: nothing may be left.
func (h *clientUnderTest) end() {
	h.t.Helper()
	h.engine.command("quit")
	h.engine.wait()
	h.echo.command("quit")
	h.echo.wait()
}

// rawServer is the other end of one session of the engine, single stream.
type rawServer struct {
	rawPeer
	engine *enginePeer
	start  int // of this session's events
	c      net.Conn
	reqs   [][]byte
	dst    uint32
}

// stage is how far a good server gets before it turns bad.
type stage int

const (
	afterConnect stage = iota
	afterNexus
	afterSession
)

func (h *clientUnderTest) accept() net.Conn {
	h.t.Helper()
	h.l.SetDeadline(time.Now().Add(peerPatience))
	c, err := h.l.Accept()
	if err != nil {
		h.engine.fatal("accept: %v", err)
	}
	h.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(peerPatience))
	return c
}

// begin has the engine open a session with two requests under way.
func (h *clientUnderTest) begin(until stage) *rawServer {
	h.t.Helper()
	s := &rawServer{engine: h.engine, start: len(h.engine.seen)}
	s.t = h.t
	h.engine.command("connect")
	s.c = h.accept()
	s.must(s.c, 8+48)
	if until == afterConnect {
		return s
	}
	send(s.c, nexusResponse())
	setup := s.frame(s.c)
	s.dst = be.Uint32(setup[prefixLen:])
	s.reqs = append(s.reqs, setup)
	if until == afterNexus {
		return s
	}
	send(s.c, s.answer(0, control(sessionSetupRsp, setupAccept(0, 0, ""))))
	s.reqs = append(s.reqs, s.frame(s.c), s.frame(s.c))
	return s
}

// answer makes b an answer to the i-th request-type frame of the engine.
func (s *rawServer) answer(i int, b []byte) []byte {
	return put32(put32(bytes.Clone(b), offDst, s.dst), offRtid, be.Uint32(s.reqs[i][offLtid:]))
}

// final is a response with inline data.
func final(data int) []byte {
	b := put32(head(msgRsp, data), offFlags, 0x1000)
	return put64(b, offUlpImm, uint64(data))
}

// written is an out-of-line response with these lengths, of which total says
// the sum.
func written(total uint64, lens ...uint32) []byte {
	b := put32(head(msgRsp, 4*len(lens)), offFlags, 0x1000)
	put16(put8(b, offRspOutOp, 3), offOutNr, uint16(len(lens)))
	for i, n := range lens {
		put32(b, prefixLen+4*i, n)
	}
	return put64(b, offUlpImm, total)
}

// redirect is a setup payload that names targets.
func redirect(targets ...string) []byte {
	b := put16(put16(make([]byte, 10), 4, 2), 6, uint16(len(targets)))
	for _, t := range targets {
		b = append(be.AppendUint16(b, uint16(len(t))), t...)
	}
	return b
}

// serverAttack is one thing that a server must not do.
type serverAttack struct {
	name  string
	until stage
	say   func(s *rawServer) [][]byte
	want  reaction // closes, or survives: the session ends with the socket
}

func serverAttacks() []serverAttack {
	type bytesOf func(s *rawServer) [][]byte
	plain := func(parts ...[]byte) bytesOf { return func(*rawServer) [][]byte { return parts } }
	to := func(i int, parts ...[]byte) bytesOf {
		return func(s *rawServer) [][]byte {
			var out [][]byte
			for _, p := range parts {
				out = append(out, s.answer(i, p))
			}
			return out
		}
	}
	accept := control(sessionSetupRsp, setupAccept(0, 0, ""))
	list := []serverAttack{
		{name: "garbage", until: afterConnect, say: plain([]byte("220 mail.example.com ESMTP Postfix, and more than a header\r\n"))},
		{name: "nexus version", until: afterConnect, say: plain(put16(nexusResponse(), 24, 0x0101))},
		{name: "nexus status", until: afterConnect, say: plain(put32(nexusResponse(), 20, 111))},
		{name: "nexus status of a reconnect", until: afterConnect, say: plain(put16(put32(nexusResponse(), 20, 111), 26, 1))},
		{name: "buffer size 0", until: afterConnect, say: plain(put64(nexusResponse(), 28, 0))},
		{name: "buffer size 95", until: afterConnect, say: plain(put64(nexusResponse(), 28, 95))},
		{name: "no entries", until: afterConnect, say: plain(put32(nexusResponse(), 36, 0))},
		{name: "too many entries", until: afterConnect, say: plain(put32(nexusResponse(), 40, 257))},
		{name: "setup request of a server", until: afterConnect, say: plain(nexusRequest())},
		{name: "nexus length", until: afterConnect, say: plain(put64(nexusResponse(), offLen, 40))},

		{name: "nexus setup twice", until: afterNexus, say: plain(nexusResponse())},
		{name: "session setup of a server", until: afterNexus, say: plain(control(sessionSetupReq, setupRequest(len(uri), 0, uri)))},
		{name: "session answer to nothing", until: afterNexus, say: plain(put32(bytes.Clone(accept), offRtid, 0x123456))},
		{name: "unknown action", until: afterNexus, say: to(0, control(sessionSetupRsp, put16(setupAccept(0, 0, ""), 4, 9)))},
		{name: "portals beyond the end", until: afterNexus, say: to(0, control(sessionSetupRsp, setupAccept(2, 0, "\x00\x03abc")))},
		{name: "portal longer than the rest", until: afterNexus, say: to(0, control(sessionSetupRsp, setupAccept(1, 0, "\xff\xffabc")))},
		{name: "portal with a zero", until: afterNexus, say: to(0, control(sessionSetupRsp, setupAccept(1, 0, "\x00\x03a\x00c")))},
		{name: "257 portals", until: afterNexus, say: to(0, control(sessionSetupRsp, setupAccept(257, 0, strings.Repeat("\x00\x01p", 257))))},
		{name: "65535 portals", until: afterNexus, say: to(0, control(sessionSetupRsp, setupAccept(65535, 0, "")))},
		{name: "private data beyond the end", until: afterNexus, say: to(0, control(sessionSetupRsp, setupAccept(0, 9, "")))},
		{name: "short payload", until: afterNexus, say: to(0, control(sessionSetupRsp, setupAccept(0, 0, "")[:29]))},
		{name: "redirect to nowhere", until: afterNexus, say: to(0, control(sessionSetupRsp, redirect()))},
		{name: "redirect beyond the end", until: afterNexus, say: to(0, control(sessionSetupRsp, put16(redirect("tcp://127.0.0.1:1"), 6, 2)))},
		{name: "hello answer to a setup", until: afterNexus, say: to(0, head(0x204, 0))},
		{name: "FIN_RSP to a setup", until: afterNexus, say: to(0, head(finRsp, 0))},
		{name: "response to a setup", until: afterNexus, say: to(0, final(0))},
		{name: "a request before the answer", until: afterNexus, say: plain(request(8))},

		{name: "session answer twice", until: afterSession, say: to(0, accept)},
		{name: "response to nothing", until: afterSession, say: plain(put32(final(0), offRtid, 0x123456))},
		{name: "response to 2^32-1", until: afterSession, say: plain(put32(final(0), offRtid, math.MaxUint32))},
		{name: "one-way receipt to a request", until: afterSession, say: to(1, put32(head(oneWayRsp, 0), offFlags, 0x800))},
		{name: "keepalive answer to a request", until: afterSession, say: to(1, head(kaRsp, 0))},
		{name: "neither receipt nor last", until: afterSession, say: to(1, put32(final(0), offFlags, 0))},
		{name: "receipt that nobody wanted", until: afterSession, say: to(1, put32(final(0), offFlags, 0x800))},
		{name: "both, unwanted", until: afterSession, say: to(1, put32(final(0), offFlags, 0x1800))},
		{name: "answer twice", until: afterSession, say: to(1, final(8), put16(final(8), offSN, 1))},
		{name: "sequence gap", until: afterSession, say: to(1, put16(final(8), offSN, 1))},
		{name: "out op 4", until: afterSession, say: to(1, put8(final(8), offRspOutOp, 4))},
		{name: "out op 0", until: afterSession, say: to(1, put8(final(8), offRspOutOp, 0))},
		{name: "longer than offered", until: afterSession, say: to(1, written(20001, 20001))},
		{name: "2^32-1 bytes", until: afterSession, say: to(1, written(math.MaxUint32, math.MaxUint32))},
		{name: "more entries than offered", until: afterSession, say: to(1, written(20000, 10000, 10000))},
		{name: "more entries than allowed", until: afterSession, say: to(1, written(6, 1, 1, 1, 1, 1, 1))},
		{name: "65535 entries", until: afterSession, say: to(1, put16(written(100, 100), offOutNr, 65535))},
		{name: "sum of the lengths", until: afterSession, say: to(1, written(101, 100))},
		{name: "nothing out-of-line", until: afterSession, say: to(1, written(0, 0))},
		{name: "inline data 2^63", until: afterSession, say: to(1, put64(final(8), offUlpImm, 1<<63))},
		{name: "length above the buffer", until: afterSession, say: to(1, put64(final(8), offLen, ownBuf))},
		{name: "transport version", until: afterSession, say: to(1, put8(final(8), offVersion, 2))},
		{name: "header length", until: afterSession, say: to(1, put16(final(8), offHdrLen, 41))},
		{name: "FIN_RSP to nothing", until: afterSession, say: plain(put32(head(finRsp, 0), offRtid, 99))},
		{name: "FIN_REQ twice", until: afterSession, say: plain(head(finReq, 0), head(finReq, 0))},
	}
	for i := range list {
		list[i].want = closes
	}
	// The engine may end these with a good-bye, or at once.
	for _, target := range []string{"rdma://127.0.0.1:1", "http://127.0.0.1/", "no URI at all", "tcp://127.0.0.1:99999"} {
		list = append(list, serverAttack{
			name: "redirect to " + target, until: afterNexus, want: survives,
			say: to(0, control(sessionSetupRsp, redirect(target))),
		})
	}
	return append(list,
		serverAttack{name: "cancel of nothing", until: afterSession, want: survives, say: plain(control(0x802, cancelPayload(0, 0, 0, 1)))},
		serverAttack{name: "hello of a server", until: afterSession, want: survives, say: plain(head(0x202, 0))},
	)
}

// attack has a bad server say it, and expects the session to end.
func (h *clientUnderTest) attack(a serverAttack) {
	h.t.Helper()
	s := h.begin(a.until)
	for _, b := range a.say(s) {
		if len(b) >= prefixLen {
			b = put32(bytes.Clone(b), offDst, s.dst)
		}
		send(s.c, b)
	}
	if a.want == closes {
		closed(h.t, s.c)
	} else {
		s.c.Close()
	}
	s.checkEnd()
	if first := s.engine.seen[s.start]; a.until == afterConnect && !strings.HasPrefix(first, "connection error") {
		h.t.Errorf("the first event is %q", first)
	}
	h.bystander()
}

// checkEnd expects each request to have ended once and the session to be
// gone without a trace.
func (s *rawServer) checkEnd() {
	s.t.Helper()
	s.engine.waitFor("session teardown")
	seen := s.engine.seen[s.start:]
	ends, down := 0, 0
	for _, line := range seen {
		switch {
		case strings.HasPrefix(line, "error "), strings.HasPrefix(line, "received response"):
			ends++
		case strings.HasPrefix(line, "connection error"), strings.HasPrefix(line, "connection disconnected"),
			strings.HasPrefix(line, "connection closed"):
			down++
		}
	}
	if ends != 2 || down != 1 {
		s.t.Errorf("%d of 2 requests ended; events:\n  %s", ends, strings.Join(seen, "\n  "))
	}
}

// TestServerBufferSizeIsCapped: a client never adopts more than its own size.
func TestServerBufferSizeIsCapped(t *testing.T) {
	h := startClient(t, "-i", "20000")
	s := h.begin(afterConnect)
	send(s.c, put64(nexusResponse(), 28, 1<<40))
	setup := s.frame(s.c)
	s.dst = be.Uint32(setup[prefixLen:])
	s.reqs = append(s.reqs, setup)
	send(s.c, s.answer(0, control(sessionSetupRsp, setupAccept(0, 0, ""))))
	for i := range 2 {
		b := s.frame(s.c)
		if be.Uint32(b[offType:]) != msgReq || b[offInOp] != 3 {
			t.Fatalf("request % x", b)
		}
		s.reqs = append(s.reqs, b)
		send(s.c, put16(put64(s.answer(1+i, final(8)), offSerial, uint64(i)), offSN, uint16(i)))
	}
	s.engine.waitFor("received response")
	s.engine.waitFor("received response")
	s.c.Close()
	s.checkEnd()
	h.end()
}
