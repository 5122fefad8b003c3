// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bytes"
	"math"
	"net"
	"strings"
	"testing"
	"time"
)

// Hostile servers: the engine is the client.

// rawServer is the other end of an engine client with two requests under way,
// single stream: the first offers 20000 bytes for its response.
type rawServer struct {
	rawPeer
	engine *enginePeer
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

func startRawServer(t *testing.T, until stage) *rawServer {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.SetDeadline(time.Now().Add(peerPatience))
	s := &rawServer{}
	s.t = t
	s.engine = startPeer(t, "-1", "-n", "2", "-d", "8", "-i", "20000", "tcp://"+l.Addr().String())
	if s.c, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.c.Close() })
	s.c.SetDeadline(time.Now().Add(peerPatience))
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

func TestHostileServers(t *testing.T) {
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
	attacks := []struct {
		name  string
		until stage
		say   bytesOf
	}{
		{"garbage", afterConnect, plain([]byte("220 mail.example.com ESMTP Postfix, and more than a header\r\n"))},
		{"nexus version", afterConnect, plain(put16(nexusResponse(), 24, 0x0101))},
		{"nexus status", afterConnect, plain(put32(nexusResponse(), 20, 111))},
		{"nexus status of a reconnect", afterConnect, plain(put16(put32(nexusResponse(), 20, 111), 26, 1))},
		{"buffer size 0", afterConnect, plain(put64(nexusResponse(), 28, 0))},
		{"buffer size 95", afterConnect, plain(put64(nexusResponse(), 28, 95))},
		{"no entries", afterConnect, plain(put32(nexusResponse(), 36, 0))},
		{"too many entries", afterConnect, plain(put32(nexusResponse(), 40, 257))},
		{"setup request of a server", afterConnect, plain(nexusRequest())},
		{"nexus length", afterConnect, plain(put64(nexusResponse(), offLen, 40))},

		{"nexus setup twice", afterNexus, plain(nexusResponse())},
		{"session setup of a server", afterNexus, plain(control(sessionSetupReq, setupRequest(len(uri), 0, uri)))},
		{"session answer to nothing", afterNexus, plain(put32(bytes.Clone(accept), offRtid, 0x123456))},
		{"unknown action", afterNexus, to(0, control(sessionSetupRsp, put16(setupAccept(0, 0, ""), 4, 9)))},
		{"portals beyond the end", afterNexus, to(0, control(sessionSetupRsp, setupAccept(2, 0, "\x00\x03abc")))},
		{"portal longer than the rest", afterNexus, to(0, control(sessionSetupRsp, setupAccept(1, 0, "\xff\xffabc")))},
		{"65535 portals", afterNexus, to(0, control(sessionSetupRsp, setupAccept(65535, 0, "")))},
		{"private data beyond the end", afterNexus, to(0, control(sessionSetupRsp, setupAccept(0, 9, "")))},
		{"short payload", afterNexus, to(0, control(sessionSetupRsp, setupAccept(0, 0, "")[:29]))},
		{"hello answer to a setup", afterNexus, to(0, head(0x204, 0))},
		{"FIN_RSP to a setup", afterNexus, to(0, head(finRsp, 0))},
		{"response to a setup", afterNexus, to(0, final(0))},
		{"a request before the answer", afterNexus, plain(request(8))},

		{"session answer twice", afterSession, to(0, accept)},
		{"response to nothing", afterSession, plain(put32(final(0), offRtid, 0x123456))},
		{"response to 2^32-1", afterSession, plain(put32(final(0), offRtid, math.MaxUint32))},
		{"one-way receipt to a request", afterSession, to(1, put32(head(oneWayRsp, 0), offFlags, 0x800))},
		{"keepalive answer to a request", afterSession, to(1, head(kaRsp, 0))},
		{"neither receipt nor last", afterSession, to(1, put32(final(0), offFlags, 0))},
		{"receipt that nobody wanted", afterSession, to(1, put32(final(0), offFlags, 0x800))},
		{"both, unwanted", afterSession, to(1, put32(final(0), offFlags, 0x1800))},
		{"answer twice", afterSession, to(1, final(8), put16(final(8), offSN, 1))},
		{"sequence gap", afterSession, to(1, put16(final(8), offSN, 1))},
		{"out op 4", afterSession, to(1, put8(final(8), offRspOutOp, 4))},
		{"out op 0", afterSession, to(1, put8(final(8), offRspOutOp, 0))},
		{"longer than offered", afterSession, to(1, written(20001, 20001))},
		{"2^32-1 bytes", afterSession, to(1, written(math.MaxUint32, math.MaxUint32))},
		{"more entries than offered", afterSession, to(1, written(20000, 10000, 10000))},
		{"more entries than allowed", afterSession, to(1, written(6, 1, 1, 1, 1, 1, 1))},
		{"65535 entries", afterSession, to(1, put16(written(100, 100), offOutNr, 65535))},
		{"sum of the lengths", afterSession, to(1, written(101, 100))},
		{"nothing out-of-line", afterSession, to(1, written(0, 0))},
		{"inline data 2^63", afterSession, to(1, put64(final(8), offUlpImm, 1<<63))},
		{"length above the buffer", afterSession, to(1, put64(final(8), offLen, ownBuf))},
		{"FIN_RSP to nothing", afterSession, plain(put32(head(finRsp, 0), offRtid, 99))},
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			s := startRawServer(t, a.until)
			send(s.c, a.say(s)...)
			closed(t, s.c)
			s.checkEnd()
			if first := s.engine.seen[0]; a.until == afterConnect && !strings.HasPrefix(first, "connection error") {
				t.Errorf("the first event is %q", first)
			}
		})
	}
	t.Run("end of stream", func(t *testing.T) {
		rsp := written(15000, 15000)
		for _, n := range []int{0, 1, 15, 16, 17, 95, 96, 99, 100, 101, 10000, 15099} {
			s := startRawServer(t, afterSession)
			all := append(s.answer(1, rsp), make([]byte, 15000)...)
			send(s.c, all[:n])
			s.c.Close()
			s.checkEnd()
		}
	})
}

// checkEnd expects each request to have ended once and the session to be
// gone without a trace.
func (s *rawServer) checkEnd() {
	s.t.Helper()
	seen := s.engine.wait()
	ends, over, down := 0, 0, 0
	for _, line := range seen {
		switch {
		case strings.HasPrefix(line, "error "), strings.HasPrefix(line, "received response"):
			ends++
		case strings.HasPrefix(line, "session teardown"):
			over++
		case strings.HasPrefix(line, "connection error"), strings.HasPrefix(line, "connection disconnected"),
			strings.HasPrefix(line, "connection closed"):
			down++
		}
	}
	if ends != 2 || over != 1 || down != 1 {
		s.t.Errorf("%d of 2 requests ended; events:\n  %s", ends, strings.Join(seen, "\n  "))
	}
}

// TestServerBufferSizeIsCapped: a client never adopts more than its own size.
func TestServerBufferSizeIsCapped(t *testing.T) {
	s := startRawServer(t, afterConnect)
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
	s.engine.wait()
}
