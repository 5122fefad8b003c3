// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// Cancel frames (accelio-wire 6.8) between engines of our kind, which mark
// nexus setup, and toward all others, for which such a frame is the end.

const (
	canceled     = 1247689326
	cancelFailed = 1247689327
	notFound     = 1247689328
)

// cancelPayload names the request with a serial number.
func cancelPayload(result, requester, responder uint32, serial uint64) []byte {
	b := make([]byte, 26)
	put16(put16(put32(b, 4, result), 0, 8), 8, 16)
	return put64(put32(put32(b, 10, requester), 14, responder), 18, serial)
}

// marked is a cancel frame as our kind sends it.
func marked(typ, dst, cid uint32, payload []byte) []byte {
	return put32(put32(put32(control(typ, payload), offDst, dst), offSerial, kinRequest), offSerial+4, cid)
}

// kin opens a session like an engine of our kind; cid is the link's.
func (r *rawPeer) kin() (c net.Conn, dst, cid uint32) {
	r.t.Helper()
	c = r.socket()
	send(c, connectMessage(1, 0), put32(nexusRequest(), 44, kinRequest))
	b := r.must(c, 52)
	cid = be.Uint32(b[16:])
	if be.Uint32(b[48:]) != kinResponse^cid {
		r.t.Fatalf("nexus setup was answered with % x", b)
	}
	send(c, control(sessionSetupReq, setupRequest(len(uri), 0, uri)))
	b = r.frame(c)
	return c, be.Uint32(b[prefixLen:]), cid
}

// TestMarksAreForOurKind: others get zero where they had nothing to say.
func TestMarksAreForOurKind(t *testing.T) {
	p := startPeer(t, "-s", "-e", "tcp://127.0.0.1:0")
	r := &rawPeer{t: t, port: p.port()}
	seen := make(map[uint32]bool)
	for _, stale := range []uint32{0, 256, kinResponse, kinRequest + 1} {
		c := r.socket()
		send(c, connectMessage(1, 0), put32(nexusRequest(), 44, stale))
		if b := r.must(c, 52); be.Uint32(b[48:]) != 0 {
			t.Errorf("the mark %#x was answered with % x", stale, b[48:])
		}
	}
	for range 3 {
		_, _, cid := r.kin()
		if seen[cid] || cid < 1<<16 && seen[cid-1] {
			t.Errorf("cid %d is no secret", cid)
		}
		seen[cid] = true
	}
	p.command("quit")
	p.wait()
}

// TestCancelFrames asks the engine to give up a request that it holds.
func TestCancelFrames(t *testing.T) {
	const mine = 0 // our session id: setupRequest says so
	for _, test := range []struct {
		name   string
		server string // what it does when asked
		frame  func(dst, cid uint32) []byte
		want   uint32 // the result; 0: no answer
		gone   bool
	}{
		{"granted", "-gl", func(d, c uint32) []byte {
			return marked(cancelReq, d, c, cancelPayload(0, mine, d, 5))
		}, canceled, true},
		{"refused", "-l", func(d, c uint32) []byte {
			return marked(cancelReq, d, c, cancelPayload(0, mine, d, 5))
		}, cancelFailed, false},
		{"unknown serial", "-gl", func(d, c uint32) []byte {
			return marked(cancelReq, d, c, cancelPayload(0, mine, d, 6))
		}, notFound, false},
		{"no mark", "-gl", func(d, _ uint32) []byte {
			return put32(control(cancelReq, cancelPayload(0, mine, d, 5)), offDst, d)
		}, 0, false},
		{"mark of another link", "-gl", func(d, c uint32) []byte {
			return marked(cancelReq, d, c+1, cancelPayload(0, mine, d, 5))
		}, 0, false},
		{"unknown session", "-gl", func(d, c uint32) []byte {
			return marked(cancelReq, d+1, c, cancelPayload(0, mine, d+1, 5))
		}, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := startPeer(t, "-s", test.server, "-D", "9", "tcp://127.0.0.1:0")
			r := &rawPeer{t: t, port: p.port()}
			c, dst, cid := r.kin()
			send(c, numbered(put32(request(8), offDst, dst), 0, 5))
			p.waitFor("received request")
			send(c, put32(put16(test.frame(dst, cid), prefixLen+2, 77), offLtid, 4242))
			if test.want != 0 {
				b := r.frame(c)
				want := put16(cancelPayload(test.want, mine, dst, be.Uint64(b[prefixLen+18:])), 2, 77)
				if be.Uint32(b[offType:]) != cancelRsp || be.Uint32(b[offRtid:]) != 4242 ||
					!bytes.Equal(b[prefixLen:], want) {
					t.Fatalf("the answer is % x, not % x", b, want)
				}
			}
			if !test.gone {
				p.command("answer")
				if b := r.frame(c); be.Uint32(b[offType:]) != msgRsp || be.Uint32(b[offRtid:]) != 5 {
					t.Fatalf("the response is % x", b)
				}
			}
			// It goes on, and in the usual order.
			send(c, numbered(put32(request(8), offDst, dst), 1, 6))
			p.waitFor("received request")
			p.command("answer")
			if b := r.frame(c); be.Uint32(b[offType:]) != msgRsp {
				t.Fatalf("the response is % x", b)
			}
			c.Close()
			p.wait()
		})
	}
}

// TestHostileCancel breaks the rules of cancel frames, on either side.
func TestHostileCancel(t *testing.T) {
	h := startHostile(t)
	payload := func(d uint32) []byte { return cancelPayload(0, 0, d, 5) }
	for name, make := range map[string]func(d uint32) []byte{
		"header length 7":    func(d uint32) []byte { return put16(payload(d), 0, 7) },
		"inner length 15":    func(d uint32) []byte { return put16(payload(d), 8, 15) },
		"25 bytes":           func(d uint32) []byte { return payload(d)[:25] },
		"27 bytes":           func(d uint32) []byte { return append(payload(d), 0) },
		"no payload":         func(uint32) []byte { return nil },
		"another responder":  func(d uint32) []byte { return payload(d + 1) },
		"another requester":  func(d uint32) []byte { return cancelPayload(0, 1, d, 5) },
		"header length 2^16": func(d uint32) []byte { return put16(payload(d), 0, 0xffff) },
	} {
		t.Run(name, func(t *testing.T) {
			h.server.t, h.good.t, h.t = t, t, t
			r := &rawPeer{t: t, port: h.port}
			c, dst, cid := r.kin()
			send(c, numbered(put32(request(8), offDst, dst), 0, 5))
			send(c, marked(cancelReq, dst, cid, make(dst)))
			closed(t, c)
			h.exchange(7)
		})
	}
	h.server.t, h.good.t, h.t = t, t, t

	// Asking without reading the answers stops the reading.
	before := h.memory()
	r := &rawPeer{t: t, port: h.port}
	c, dst, cid := r.kin()
	c.SetDeadline(time.Now().Add(2 * time.Second))
	frame := marked(cancelReq, dst, cid, payload(dst))
	batch := bytes.Repeat(frame, 1000)
	for sent := 0; sent < 64<<20; sent += len(batch) {
		if _, err := c.Write(batch); err != nil {
			break
		}
	}
	h.exchange(7)
	if grown := h.memory() - before; grown > 64<<20 {
		t.Errorf("the server's memory grew by %d MiB", grown>>20)
	}
	c.Close()
	h.end()
}

// cancelServer is a raw server with two requests of an engine under way.
func cancelServer(t *testing.T, ourKind bool) (s *rawServer, cid uint32) {
	t.Helper()
	h := &clientUnderTest{t: t}
	var err error
	if h.l, err = net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	defer h.l.Close()
	h.engine = startPeer(t, "-1", "-n", "2", "-d", "8", "-i", "20000", "tcp://"+h.l.Addr().String())
	s = &rawServer{engine: h.engine}
	s.t = t
	s.c = h.accept()
	s.must(s.c, 8+48)
	cid = 0xfeedf00d
	rsp := put32(nexusResponse(), 16, cid)
	if ourKind {
		put32(rsp, 48, kinResponse^cid)
	}
	send(s.c, rsp)
	setup := s.frame(s.c)
	s.dst = be.Uint32(setup[prefixLen:])
	s.reqs = append(s.reqs, setup)
	send(s.c, s.answer(0, control(sessionSetupRsp, setupAccept(0, 0, ""))))
	s.reqs = append(s.reqs, s.frame(s.c), s.frame(s.c))
	return s, cid
}

// TestNoCancelTowardOthers: libxio would drop the connection.
func TestNoCancelTowardOthers(t *testing.T) {
	s, _ := cancelServer(t, false)
	s.engine.command("cancel")
	s.engine.waitFor("cancel failed")
	for i := range 2 {
		send(s.c, put16(s.answer(1+i, final(8)), offSN, uint16(i)))
		s.engine.waitFor("received response")
	}
	s.engine.command("close")
	if b := s.frame(s.c); be.Uint32(b[offType:]) != finReq {
		t.Errorf("the engine sent % x", b)
	}
	s.c.Close()
	s.engine.wait()
}

func TestCancelAnswers(t *testing.T) {
	for _, test := range []struct {
		name  string
		say   func(s *rawServer, k []byte) [][]byte // k: CANCEL_REQ
		event string                                // of the cancel
		bad   bool                                  // ends the connection
	}{
		{"canceled", func(s *rawServer, k []byte) [][]byte {
			return [][]byte{s.cancel(k, canceled)}
		}, "canceled", false},
		{"failed", func(s *rawServer, k []byte) [][]byte {
			return [][]byte{s.cancel(k, cancelFailed)}
		}, "failed", false},
		{"not found", func(s *rawServer, k []byte) [][]byte {
			return [][]byte{s.cancel(k, notFound)}
		}, "not found", false},
		{"response first", func(s *rawServer, k []byte) [][]byte {
			return [][]byte{s.answer(2, final(8)), s.cancel(k, notFound)}
		}, "failed", false},
		{"response first, then canceled", func(s *rawServer, k []byte) [][]byte {
			return [][]byte{s.answer(2, final(8)), s.cancel(k, canceled)}
		}, "failed", false},
		{"twice", func(s *rawServer, k []byte) [][]byte {
			return [][]byte{s.cancel(k, cancelFailed), s.cancel(k, cancelFailed)}
		}, "failed", true},
		{"response after canceled", func(s *rawServer, k []byte) [][]byte {
			return [][]byte{s.cancel(k, canceled), s.answer(2, final(8))}
		}, "canceled", true},
		{"unknown result", func(s *rawServer, k []byte) [][]byte {
			return [][]byte{s.cancel(k, 0)}
		}, "failed", true},
		{"another serial", func(s *rawServer, k []byte) [][]byte {
			return [][]byte{put64(s.cancel(k, canceled), prefixLen+18, 0)}
		}, "failed", true},
		{"another session", func(s *rawServer, k []byte) [][]byte {
			return [][]byte{put32(s.cancel(k, canceled), prefixLen+10, s.dst+1)}
		}, "failed", true},
		{"answer to a request", func(s *rawServer, k []byte) [][]byte {
			return [][]byte{put32(s.cancel(k, canceled), offRtid, be.Uint32(s.reqs[1][offLtid:]))}
		}, "failed", true},
		{"end of the stream", func(s *rawServer, k []byte) [][]byte {
			s.c.(*net.TCPConn).CloseWrite()
			return nil
		}, "failed", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, cid := cancelServer(t, true)
			s.engine.command("cancel")
			k := s.frame(s.c)
			tsn := be.Uint16(s.reqs[2][offTSN:])
			want := put16(cancelPayload(0, s.dst, 0, be.Uint64(s.reqs[2][offSerial:])), 2, tsn)
			if be.Uint32(k[offType:]) != cancelReq || !bytes.Equal(k[prefixLen:], want) ||
				be.Uint64(k[offSerial:]) != kinRequest<<32|uint64(cid) {
				t.Fatalf("the cancel is % x", k)
			}
			parts := test.say(s, k)
			send(s.c, parts...)
			if test.bad {
				closed(t, s.c)
			} else if !strings.Contains(test.name, "first") {
				s.engine.waitFor("cancel " + test.event)
				s.c.Close()
			} else {
				s.engine.waitFor("received response")
				s.c.Close()
			}
			seen := s.engine.wait()
			ends, reports := 0, []string(nil)
			for _, line := range seen {
				if what, ok := strings.CutPrefix(line, "cancel "); ok {
					reports = append(reports, what)
				}
				if line == "cancel canceled" || strings.HasPrefix(line, "error ") ||
					strings.HasPrefix(line, "received response") {
					ends++
				}
			}
			if fmt.Sprint(reports) != fmt.Sprint([]string{test.event}) || ends != 2 {
				t.Errorf("%d of 2 requests ended, cancel was %v, not %q; events:\n  %s",
					ends, reports, test.event, strings.Join(seen, "\n  "))
			}
		})
	}
}

// cancel answers a CANCEL_REQ.
func (s *rawServer) cancel(k []byte, result uint32) []byte {
	b := control(cancelRsp, put32(bytes.Clone(k[prefixLen:]), 4, result))
	return put32(put32(b, offDst, s.dst), offRtid, be.Uint32(k[offLtid:]))
}
