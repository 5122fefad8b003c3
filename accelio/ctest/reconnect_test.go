// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bytes"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Reconnect (accelio-wire 4.3) as its frames show it: who is asked, what is
// said to whom, and what a peer can do with it.

const (
	statusInProgress   = 1247689318
	statusUnsuccessful = 1247689325
	statusDiscarded    = 1247689330
)

// rejoin is the setup request of a client that wants its link back.
func rejoin(cid uint32) []byte {
	return put32(put32(put16(nexusRequest(), 18, 1), 20, cid), 44, kinRequest)
}

// listening is a raw server of an engine client with reconnect on.
func listening(t *testing.T, mark bool) (l *net.TCPListener, s *rawServer) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s = &rawServer{}
	s.t = t
	s.engine = startPeer(t, "-1x", "-n", "2", "-d", "8", "tcp://"+l.Addr().String())
	l.SetDeadline(time.Now().Add(peerPatience)) // the engine is built by now
	s.next(l)
	rsp := put32(nexusResponse(), 16, 0xabcdef01)
	if mark {
		put32(rsp, 48, kinResponse^0xabcdef01)
	}
	send(s.c, rsp)
	setup := s.frame(s.c)
	s.dst = be.Uint32(setup[prefixLen:])
	s.reqs = append(s.reqs, setup)
	send(s.c, s.answer(0, control(sessionSetupRsp, setupAccept(0, 0, ""))))
	s.reqs = append(s.reqs, s.frame(s.c), s.frame(s.c))
	return l, s
}

// next accepts a connection and returns the setup request on it.
func (s *rawServer) next(l *net.TCPListener) []byte {
	s.t.Helper()
	c, err := l.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(peerPatience))
	s.c = c
	return s.must(c, 8+48)[8:]
}

func TestNoReconnectToOthers(t *testing.T) {
	l, s := listening(t, false)
	s.c.Close()
	s.checkEnd()
	s.engine.wait()
	for _, line := range s.engine.seen {
		if strings.Contains(line, "reconnect") {
			t.Error(line)
		}
	}
	l.SetDeadline(time.Now().Add(time.Millisecond))
	if c, err := l.Accept(); err == nil {
		c.Close()
		t.Error("the engine tried to reconnect to an engine of another kind")
	}
}

func TestReconnectRefused(t *testing.T) {
	const cid = 0xabcdef01
	good := put32(put16(put32(nexusResponse(), 16, cid), 26, 1), 48, kinResponse^cid&0xffffffff)
	for name, rsp := range map[string][]byte{
		"unknown":             put32(bytes.Clone(good), 20, statusUnsuccessful),
		"another status":      put32(bytes.Clone(good), 20, 111),
		"no mark":             put32(bytes.Clone(good), 48, 0),
		"another cid":         put32(put32(bytes.Clone(good), 16, cid+1), 48, kinResponse^(cid+1)),
		"not a reconnect":     put16(bytes.Clone(good), 26, 0),
		"other buffer size":   put64(bytes.Clone(good), 28, 4096),
		"other limits":        put32(bytes.Clone(good), 36, 3),
		"other header length": put32(bytes.Clone(good), 44, 255),
	} {
		t.Run(name, func(t *testing.T) {
			l, s := listening(t, true)
			s.c.Close()
			if b := s.next(l); !bytes.Equal(b, rejoin(cid)) {
				t.Fatalf("the engine asks with % x", b)
			}
			send(s.c, rsp)
			closed(t, s.c)
			s.engine.waitFor("connection reconnecting")
			s.checkEnd()
			s.engine.wait()
		})
	}
}

// TestReconnectRepeats: old serial numbers and ids, the next sequence
// numbers; and the server's may go on anywhere.
func TestReconnectRepeats(t *testing.T) {
	const cid = 0xabcdef01
	l, s := listening(t, true)
	for round := range 3 {
		s.c.Close()
		if b := s.next(l); !bytes.Equal(b, rejoin(cid)) {
			t.Fatalf("the engine asks with % x", b)
		}
		send(s.c, put32(put16(put32(nexusResponse(), 16, cid), 26, 1), 48, kinResponse^cid&0xffffffff))
		s.engine.waitFor("connection reconnected")
		for i := range 2 {
			want := bytes.Clone(s.reqs[1+i])
			put16(put16(want, offSN, uint16(2*round+2+i)), offTSN, uint16(i))
			if b := s.frame(s.c); !bytes.Equal(b, want) {
				t.Fatalf("round %d: request %d is\n% x, not\n% x", round, i, b, want)
			}
		}
		// A link that dies before it has carried a frame is not
		// replaced at once.
		send(s.c, put32(head(kaReq, 0), offDst, s.dst))
		if b := s.frame(s.c); be.Uint32(b[offType:]) != kaRsp {
			t.Fatalf("round %d: frame % x", round, b)
		}
	}
	send(s.c, put16(s.answer(1, final(8)), offSN, 40000), put16(s.answer(2, final(8)), offSN, 40001))
	s.engine.waitFor("received response")
	s.engine.waitFor("received response")
	s.engine.command("request 1")
	s.reqs = append(s.reqs, s.frame(s.c))
	send(s.c, put16(s.answer(3, final(8)), offSN, 40003)) // one is missing now
	closed(t, s.c)
}

// ask sends a setup request from some address and returns the answer.
func (r *rawPeer) ask(from string, req []byte) (net.Conn, []byte) {
	r.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)))
	if err != nil {
		r.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(peerPatience))
	r.t.Cleanup(func() { c.Close() })
	send(c, connectMessage(1, 0), req)
	return c, r.must(c, 52)
}

// refused checks the answer to somebody who gets nothing, and the end of it.
func (r *rawPeer) refused(name, from string, req []byte, status uint32) {
	r.t.Helper()
	c, b := r.ask(from, req)
	if be.Uint32(b[20:]) != status || be.Uint16(b[26:]) != 1 || be.Uint32(b[16:]) != be.Uint32(req[20:]) {
		r.t.Errorf("%s: answered with % x", name, b)
	}
	closed(r.t, c)
}

func TestHostileReconnect(t *testing.T) {
	server := startPeer(t, "-sex", "tcp://127.0.0.1:0")
	r := &rawPeer{t: t, port: server.port()}
	roundTrip := func(c net.Conn, dst uint32, sn uint16, serial uint64) []byte {
		t.Helper()
		send(c, numbered(put32(request(8), offDst, dst), sn, serial))
		return r.frame(c)
	}

	c, dst, cid := r.kin()
	roundTrip(c, dst, 0, 7)
	r.refused("unknown cid", "127.0.0.1", rejoin(cid+1), statusUnsuccessful)
	r.refused("cid 0", "127.0.0.1", rejoin(0), statusUnsuccessful)
	r.refused("no mark", "127.0.0.1", put32(rejoin(cid), 44, 0), statusUnsuccessful)
	r.refused("another host, link alive", "127.0.0.2", rejoin(cid), statusUnsuccessful)
	r.refused("link alive", "127.0.0.1", rejoin(cid), statusInProgress)
	roundTrip(c, dst, 1, 8) // and stays so

	c.Close()
	r.refused("another host, link lost", "127.0.0.2", rejoin(cid), statusUnsuccessful)
	r.refused("other limits", "127.0.0.1", put32(rejoin(cid), 32, 5), statusUnsuccessful)
	r.refused("smaller buffers", "127.0.0.1", put64(rejoin(cid), 24, 4096), statusUnsuccessful)
	c, b := r.ask("127.0.0.1", rejoin(cid))
	if be.Uint32(b[20:]) != 0 || be.Uint16(b[26:]) != 1 || be.Uint32(b[16:]) != cid {
		t.Fatalf("answered with % x", b)
	}
	// Answered before: the answer was lost, so it ends with a status.
	if b := roundTrip(c, dst, 50, 8); be.Uint32(b[76:]) != statusDiscarded {
		t.Errorf("a repeated request was answered with % x", b)
	}
	// New: it is served, from then on in sequence.
	if b := roundTrip(c, dst, 51, 9); be.Uint32(b[76:]) != 0 || be.Uint64(b[offUlpImm:]) != 8 {
		t.Errorf("a new request was answered with % x", b)
	}
	send(c, numbered(put32(request(8), offDst, dst), 60, 10))
	closed(t, c)
	r.refused("a link that broke the rules", "127.0.0.1", rejoin(cid), statusUnsuccessful)

	for name, frames := range map[string][][]byte{
		"numbers go back": {numbered(request(8), 0, 8), numbered(request(8), 1, 7)},
		"repeated twice":  {numbered(request(8), 0, 8), numbered(request(8), 1, 8)},
		"sequence gap":    {numbered(request(8), 9, 8), numbered(request(8), 11, 9)},
		"answer":          {put32(final(0), offRtid, 0)},
	} {
		c, dst, cid := r.kin()
		roundTrip(c, dst, 0, 7)
		roundTrip(c, dst, 1, 8)
		c.Close()
		c = r.back(cid)
		for _, f := range frames {
			send(c, put32(f, offDst, dst))
		}
		t.Log(name)
		closed(t, c)
	}

	// A large repeated request is taken off the stream and thrown away.
	c, dst, cid = r.kin()
	roundTrip(c, dst, 0, 7)
	c.Close()
	c = r.back(cid)
	big := numbered(put32(entries(2, 4, nil, []uint32{1 << 20}), offDst, dst), 1, 7)
	send(c, big, make([]byte, 1<<20))
	if b := r.frame(c); be.Uint32(b[76:]) != statusDiscarded {
		t.Errorf("a repeated request was answered with % x", b)
	}
	roundTrip(c, dst, 2, 8)

	// More waiting links than the server keeps cost others nothing.
	for range 1100 {
		w, _, _ := r.kin()
		w.Close()
	}
	roundTrip(c, dst, 3, 9)
	c.Close()
	server.command("quit")
	server.wait()
}

// back gets a link back, when the server has seen that the old one is gone.
func (r *rawPeer) back(cid uint32) net.Conn {
	r.t.Helper()
	c, b := r.ask("127.0.0.1", rejoin(cid))
	if be.Uint32(b[20:]) != 0 {
		r.t.Fatalf("answered with % x", b)
	}
	return c
}

// TestReconnectOff: the answer is the same for a server that never waits.
func TestReconnectOff(t *testing.T) {
	server := startPeer(t, "-se", "tcp://127.0.0.1:0")
	r := &rawPeer{t: t, port: server.port()}
	c, _, cid := r.kin()
	r.refused("link alive", "127.0.0.1", rejoin(cid), statusUnsuccessful)
	c.Close()
	r.refused("link lost", "127.0.0.1", rejoin(cid), statusUnsuccessful)
	server.command("quit")
	server.wait()
}
