// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Hostile peers (accelio-wire 8): each costs itself its connection, while a
// well-behaved one on the same server goes on and notices nothing.

const (
	ownBuf = 9216 // the engine's inline buffer size
	uri    = "tcp://127.0.0.1:1"
)

// head is a frame with n bytes behind its headers.
func head(typ uint32, n int) []byte {
	b := make([]byte, prefixLen+n)
	be.PutUint32(b, magic)
	be.PutUint32(b[offType:], typ)
	be.PutUint64(b[offLen:], uint64(len(b)-tlvLen))
	b[offVersion] = 1
	be.PutUint16(b[offHdrLen:], 40)
	if isRequest(typ) {
		b[offInOp], b[offReqOutOp] = 2, 2
	} else {
		b[offRspOutOp] = 2
	}
	return b
}

func put16(b []byte, off int, v uint16) []byte { be.PutUint16(b[off:], v); return b }
func put32(b []byte, off int, v uint32) []byte { be.PutUint32(b[off:], v); return b }
func put64(b []byte, off int, v uint64) []byte { be.PutUint64(b[off:], v); return b }
func put8(b []byte, off int, v byte) []byte    { b[off] = v; return b }

func nexusRequest() []byte {
	b := make([]byte, 48)
	put64(put32(put32(b, 0, magic), offType, nexusSetupReq), offLen, 32)
	put64(put16(b, 16, 0x0100), 24, ownBuf)
	return put32(put32(put32(b, 32, 4), 36, 4), 40, 256)
}

func nexusResponse() []byte {
	b := make([]byte, 52)
	put64(put32(put32(b, 0, magic), offType, nexusSetupRsp), offLen, 36)
	put32(put16(put64(b, 28, ownBuf), 24, 0x0100), 16, 1)
	return put32(put32(put32(b, 36, 4), 40, 4), 44, 256)
}

// setupRequest is a session setup payload with lengths of choice.
func setupRequest(u, v int, text string) []byte {
	b := make([]byte, 28, 28+len(text))
	put64(put64(b, 4, 1<<26), 12, 1<<26)
	put16(put16(b, 20, 1024), 22, 1024)
	put16(put16(b, 24, uint16(u)), 26, uint16(v))
	return append(b, text...)
}

func setupAccept(portals, private int, rest string) []byte {
	b := make([]byte, 30, 30+len(rest))
	put64(put64(put16(b, 4, 1), 6, 1<<26), 14, 1<<26)
	put16(put16(b, 22, 1024), 24, 1024)
	put16(put16(b, 26, uint16(portals)), 28, uint16(private))
	return append(b, rest...)
}

// control is a control frame with a payload, for single stream.
func control(typ uint32, payload []byte) []byte {
	b := head(typ, len(payload))
	copy(b[prefixLen:], payload)
	return put16(b, offUlpHdr, uint16(len(payload)))
}

// request is a single-stream request with inline data.
func request(data int) []byte {
	b := head(msgReq, data)
	put16(b, offAckSN, 0xffff)
	return put64(put32(b, offLtid, 5), offUlpImm, uint64(data))
}

func numbered(b []byte, sn uint16, serial uint64) []byte {
	return put64(put16(b, offSN, sn), offSerial, serial)
}

// rawPeer is a client of the engine's server made of sockets and bytes.
type rawPeer struct {
	t    *testing.T
	port int
	dst  uint32 // of the last session
	cid  uint32 // of the last link
}

func (r *rawPeer) socket() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp4", "127.0.0.1:"+strconv.Itoa(r.port))
	if err != nil {
		r.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(peerPatience))
	r.t.Cleanup(func() { c.Close() })
	return c
}

// send may fail: the engine has every right to be gone.
func send(c net.Conn, parts ...[]byte) {
	for _, b := range parts {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

func (r *rawPeer) must(c net.Conn, n int) []byte {
	r.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		r.t.Fatalf("reading %d bytes of the engine: %v", n, err)
	}
	return b
}

// frame reads a whole single-stream frame.
func (r *rawPeer) frame(c net.Conn) []byte {
	r.t.Helper()
	b := r.must(c, tlvLen)
	b = append(b, r.must(c, int(be.Uint64(b[offLen:])))...)
	checkUnused(r.t, b)
	return b
}

// checkUnused fails when a field that says nothing is not zero: it would be
// memory of the engine.
func checkUnused(t *testing.T, b []byte) {
	t.Helper()
	typ := be.Uint32(b[offType:])
	if isNexus(typ) {
		return
	}
	unused := [][2]int{{38, 44}, {62, 64}, {84, 88}}
	if isRequest(typ) {
		unused = append(unused, [2]int{68, 70}, [2]int{76, 80})
	} else {
		unused = append(unused, [2]int{73, 74})
	}
	if typ&0x4600 != 0 || typ&0x100 != 0 { // control frames: numbers too
		unused = append(unused, [2]int{20, 38}, [2]int{44, 56})
	}
	for _, u := range unused {
		for i := u[0]; i < u[1]; i++ {
			if b[i] != 0 {
				t.Errorf("byte %d of a frame of type %#x is %#x: % x", i, typ, b[i], b[:prefixLen])
			}
		}
	}
}

// nexus opens a single-stream link up to the end of nexus setup.
func (r *rawPeer) nexus() net.Conn {
	r.t.Helper()
	c := r.socket()
	send(c, connectMessage(1, 0), nexusRequest())
	b := r.must(c, 52)
	if be.Uint32(b[offType:]) != nexusSetupRsp || be.Uint32(b[20:]) != 0 || be.Uint32(b[48:]) != 0 {
		r.t.Fatalf("nexus setup was answered with % x", b)
	}
	r.cid = be.Uint32(b[16:])
	return c
}

// session opens a session on a new link; dst is its id.
func (r *rawPeer) session() (c net.Conn, dst uint32) {
	r.t.Helper()
	c = r.nexus()
	send(c, control(sessionSetupReq, setupRequest(len(uri), 0, uri)))
	b := r.frame(c)
	if be.Uint32(b[offType:]) != sessionSetupRsp || be.Uint16(b[prefixLen+4:]) != 1 {
		r.t.Fatalf("session setup was answered with % x", b)
	}
	r.dst = be.Uint32(b[prefixLen:])
	return c, r.dst
}

// closed waits for the engine to end a socket.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(8 * time.Second))
	if n, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the engine keeps the connection (%d bytes)", n)
	}
}

// reaction is what the engine has to do about something wrong.
type reaction string

const (
	closes   reaction = "this connection is closed"
	ignores  reaction = "ignored: a request behind it is answered"
	survives reaction = "ignored, or this connection is closed"
	checked  reaction = "the attack itself checks"
)

// attack is one thing that a client must not do. run returns its sockets; for
// ignores and survives the first is that of the last session.
type attack struct {
	name string
	want reaction
	run  func(r *rawPeer) []net.Conn
	sn   uint16 // ignores, survives: of the request behind it
}

// onSocket sends bytes on a fresh socket.
func onSocket(name string, parts ...[]byte) attack {
	return attack{name: name, want: closes, run: func(r *rawPeer) []net.Conn {
		c := r.socket()
		send(c, parts...)
		return []net.Conn{c}
	}}
}

// onSockets uses two fresh sockets.
func onSockets(name string, say func(a, b net.Conn)) attack {
	return attack{name: name, want: closes, run: func(r *rawPeer) []net.Conn {
		a, b := r.socket(), r.socket()
		say(a, b)
		return []net.Conn{a, b}
	}}
}

// onLink sends bytes after nexus setup.
func onLink(name string, parts ...[]byte) attack {
	return attack{name: name, want: closes, run: func(r *rawPeer) []net.Conn {
		c := r.nexus()
		send(c, parts...)
		return []net.Conn{c}
	}}
}

// onSession sends frames to an open session, which they name.
func onSession(name string, frames ...[]byte) attack {
	return attack{name: name, want: closes, run: func(r *rawPeer) []net.Conn {
		c, dst := r.session()
		for _, f := range frames {
			f = bytes.Clone(f)
			if len(f) >= prefixLen {
				put32(f, offDst, dst)
			}
			send(c, f)
		}
		return []net.Conn{c}
	}}
}

func single(b []byte) [][]byte { return [][]byte{connectMessage(1, 0), b} }

// entries is a request with in and out entries of these lengths.
func entries(inOp, outOp byte, in []uint32, out []uint32) []byte {
	b := head(msgReq, 16*(len(in)+len(out)))
	b[offInOp], b[offReqOutOp] = inOp, outOp
	put16(put16(b, offInNr, uint16(len(in))), offOutNr, uint16(len(out)))
	for i, n := range append(slices.Clone(in), out...) {
		put32(put64(b, prefixLen+16*i, 1), prefixLen+16*i+8, n)
	}
	return b
}

func attacks() []attack {
	list := []attack{
		onSocket("connect type 0", connectMessage(0, 0)),
		onSocket("connect type 9", connectMessage(9, 7)),
		onSocket("connect type 2^32-1", connectMessage(math.MaxUint32, 7)),
		onSocket("control without second port", connectMessage(2, 0)),
		onSocket("data without second port", connectMessage(3, 0)),
		onSockets("second port is its own", func(a, b net.Conn) {
			send(a, connectMessage(2, localPort(a)))
			send(b, connectMessage(3, localPort(b)))
		}),
		onSockets("unknown types that match", func(a, b net.Conn) {
			send(a, connectMessage(9, localPort(b)))
			send(b, connectMessage(9, localPort(a)))
		}),

		onSocket("nexus version", single(put16(nexusRequest(), 16, 0x0200))...),
		onSocket("buffer size 0", single(put64(nexusRequest(), 24, 0))...),
		onSocket("buffer size 1023", single(put64(nexusRequest(), 24, 1023))...),
		onSocket("no in entries", single(put32(nexusRequest(), 32, 0))...),
		onSocket("257 in entries", single(put32(nexusRequest(), 32, 257))...),
		onSocket("2^32-1 out entries", single(put32(nexusRequest(), 36, math.MaxUint32))...),
		onSocket("nexus length 31", single(put64(nexusRequest(), offLen, 31))...),
		onSocket("nexus length 33", single(put64(nexusRequest(), offLen, 33))...),
		onSocket("nexus length 2^63", single(put64(nexusRequest(), offLen, 1<<63))...),
		onSocket("no nexus setup", single(control(sessionSetupReq, setupRequest(len(uri), 0, uri)))...),
		onSocket("a request first", single(request(8))...),
		onSocket("setup response of a client", single(nexusResponse())...),
		onSocket("HTTP", []byte("GET / HTTP/1.0\r\n\r\nand then some more of it\r\n")),
		onLink("nexus setup twice", nexusRequest()),
		onLink("setup response", nexusResponse()),

		onLink("bad magic", put32(request(8), 0, magic+1)),
		onLink("no magic", make([]byte, 200)),
		onLink("type 0", head(0, 0)),
		onLink("unknown type", head(0x8002, 0)),
		onLink("type without direction", head(0x10, 0)),
		onLink("length 0", put64(head(msgReq, 0), offLen, 0)),
		onLink("length 79", put64(head(msgReq, 0), offLen, 79)),
		onLink("length above the buffer", put64(head(msgReq, 0), offLen, ownBuf-tlvLen+1)),
		onLink("length 2^31", put64(head(msgReq, 0), offLen, 1<<31)),
		onLink("length 2^32+80", put64(head(msgReq, 0), offLen, 1<<32+80)),
		onLink("length 2^63", put64(head(msgReq, 0), offLen, 1<<63)),
		onLink("length 2^64-1", put64(head(msgReq, 0), offLen, math.MaxUint64)),

		onLink("setup: URI beyond the end", control(sessionSetupReq, setupRequest(len(uri)+1, 0, uri))),
		onLink("setup: URI of 65535", control(sessionSetupReq, setupRequest(65535, 0, uri))),
		onLink("setup: data beyond the end", control(sessionSetupReq, setupRequest(len(uri), 1, uri))),
		onLink("setup: bytes left over", control(sessionSetupReq, setupRequest(len(uri), 0, uri+"x"))),
		onLink("setup: no URI", control(sessionSetupReq, setupRequest(0, 0, ""))),
		onLink("setup: zero inside", control(sessionSetupReq, setupRequest(5, 0, "tc\x00p:"))),
		onLink("setup: empty", control(sessionSetupReq, nil)),
		onLink("setup: 27 bytes", control(sessionSetupReq, setupRequest(0, 0, "")[:27])),
		onLink("setup: 3841 bytes", control(sessionSetupReq, setupRequest(3813, 0, strings.Repeat("u", 3813)))),
		onLink("setup: header length", put16(control(sessionSetupReq, setupRequest(len(uri), 0, uri)), offUlpHdr, 20)),
		onLink("setup response to a server", control(sessionSetupRsp, setupAccept(0, 0, ""))),

		onSession("transport version", put8(request(8), offVersion, 2)),
		onSession("header length 39", put16(request(8), offHdrLen, 39)),
		onSession("header length 41", put16(request(8), offHdrLen, 41)),
		onSession("header length 0", put16(request(8), offHdrLen, 0)),
		onSession("length and header differ", put64(request(8), offUlpImm, 9)),
		onSession("inline data 2^63", put64(request(8), offUlpImm, 1<<63)),
		onSession("inline data 2^64-8", put64(request(8), offUlpImm, math.MaxUint64-7)),
		onSession("header beyond the end", put16(request(8), offUlpHdr, 100)),
		onSession("pad beyond the end", put16(request(8), offUlpPad, 65535)),
		onSession("pad without data", put16(put64(request(8), offUlpImm, 0), offUlpPad, 8)),
		onSession("out entries of an inline request", put16(put64(request(16), offUlpImm, 0), offOutNr, 1)),
		onSession("out-of-line without entries", entries(2, 4, nil, nil)),
		onSession("out-of-line with inline data", put64(entries(2, 4, nil, []uint32{9000}), offUlpImm, 8)),
		onSession("empty out entry", entries(2, 4, nil, []uint32{9000, 0})),
		onSession("five out entries", entries(2, 4, nil, []uint32{1, 1, 1, 1, 1})),
		onSession("five in entries", entries(3, 2, []uint32{1, 1, 1, 1, 1}, nil)),
		onSession("65535 out entries", put16(entries(2, 4, nil, []uint32{9000}), offOutNr, 65535)),
		onSession("65535 in entries", put16(entries(3, 2, []uint32{9000}, nil), offInNr, 65535)),
		onSession("more than a message may have", entries(2, 4, nil, []uint32{1 << 26, 1})),
		onSession("16 GiB", entries(2, 4, nil, slices.Repeat([]uint32{math.MaxUint32}, 4))),

		onSession("sequence gap", numbered(request(8), 1, 0)),
		onSession("sequence repeated", numbered(request(8), 0, 1), numbered(request(8), 0, 2)),
		onSession("serial repeated", numbered(request(8), 0, 1), numbered(request(8), 1, 1)),
		onSession("serial goes back", numbered(request(8), 0, 9), numbered(request(8), 1, 8)),
		onSession("response to nothing", put32(head(msgRsp, 0), offRtid, 0)),
		onSession("response to a future id", put32(head(msgRsp, 0), offRtid, 0x100000)),
		onSession("response to 2^32-1", put32(head(msgRsp, 0), offRtid, math.MaxUint32)),
		onSession("receipt of nothing", put32(put32(head(oneWayRsp, 0), offFlags, 0x800), offRtid, 7)),
		onSession("keepalive answer to nothing", put32(head(kaRsp, 0), offRtid, 1)),
		onSession("FIN_RSP to nothing", put32(head(finRsp, 0), offRtid, 1)),
		onSession("FIN_REQ twice", head(finReq, 0), head(finReq, 0)),
		onSession("a request after FIN_REQ", head(finReq, 0), request(8)),
		onSession("cancel of nothing", control(0x804, make([]byte, 26))),
		onSession("FIN_REQ with payload", control(finReq, make([]byte, 8))),
	}
	for _, op := range []byte{0, 1, 3, 5, 255} {
		list = append(list, onSession(fmt.Sprintf("out op %d", op), put8(request(8), offReqOutOp, op)))
	}
	for _, op := range []byte{0, 1, 4, 5, 255} {
		list = append(list, onSession(fmt.Sprintf("in op %d", op), put8(request(8), offInOp, op)))
	}
	return list
}

// hostileServer is a server under attack and its well-behaved client.
type hostileServer struct {
	t      *testing.T
	server *enginePeer
	good   *enginePeer
	port   int
}

func startHostile(t *testing.T, options ...string) *hostileServer {
	t.Helper()
	h := &hostileServer{t: t}
	h.server = startPeer(t, append(options, "-s", "-e", "tcp://127.0.0.1:0")...)
	h.port = h.server.port()
	h.good = startPeer(t, "-e", fmt.Sprintf("tcp://127.0.0.1:%d", h.port))
	h.good.waitFor("connection established")
	return h
}

// exchange has the good client send and verify messages.
func (h *hostileServer) exchange(n int) {
	h.t.Helper()
	h.good.command("echo " + strconv.Itoa(n))
	for {
		line := h.good.next()
		if line == "echoed "+strconv.Itoa(n) {
			return
		}
		h.good.fatal("the good connection noticed: %s", line)
	}
}

// newcomer connects a fresh client, exchanges messages and leaves.
func (h *hostileServer) newcomer() {
	h.t.Helper()
	p := startPeer(h.t, "-e", fmt.Sprintf("tcp://127.0.0.1:%d", h.port))
	p.waitFor("connection established")
	p.command("echo 10")
	p.waitFor("echoed 10")
	p.command("close")
	p.wait()
}

// end closes the good client and the server: nothing may be left.
func (h *hostileServer) end() {
	h.t.Helper()
	h.exchange(7)
	h.newcomer()
	h.good.command("close")
	h.good.wait()
	h.server.command("quit")
	h.server.wait()
}

// cpu is the time that the server's process has used.
func (h *hostileServer) cpu() time.Duration {
	h.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", h.server.cmd.Process.Pid))
	if err != nil {
		h.t.Fatal(err)
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	sys, _ := strconv.Atoi(f[12])
	return time.Duration(user+sys) * 10 * time.Millisecond
}

// checkIdle fails when the server works although nobody wants anything.
func (h *hostileServer) checkIdle() {
	h.t.Helper()
	const span = 400 * time.Millisecond
	before := h.cpu()
	time.Sleep(span) // the length of the measurement, not a wait
	if used := h.cpu() - before; used > span/4 {
		h.t.Errorf("the idle server used %v of processor time in %v", used, span)
	}
}

// TestBufferSizeIsCapped asks for the moon at nexus setup.
func TestBufferSizeIsCapped(t *testing.T) {
	h := startHostile(t)
	for ask, want := range map[uint64]uint64{
		1024: 1024, 9215: 9215, 9216: 9216, 9217: 9216, 1 << 31: 9216, 1 << 32: 9216, math.MaxUint64: 9216,
	} {
		r := &rawPeer{t: t, port: h.port}
		c := r.socket()
		send(c, connectMessage(1, 0), put64(nexusRequest(), 24, ask))
		if got := be.Uint64(r.must(c, 52)[28:]); got != want {
			t.Errorf("buffer size %d was answered with %d, not %d", ask, got, want)
		}
	}
	h.end()
}

// conversationBytes is all that a client says in a short session.
func conversationBytes() []byte {
	return slices.Concat(connectMessage(1, 0), nexusRequest(),
		control(sessionSetupReq, setupRequest(len(uri), 0, uri)),
		request(30), numbered(put64(entries(2, 4, []uint32{1000}, []uint32{9000}), offSerial, 1), 1, 1),
		make([]byte, 9000))
}

func TestHostileEndOfStream(t *testing.T) {
	h := startHostile(t)
	all := conversationBytes()
	t.Run("single", func(t *testing.T) {
		for n := 0; n < len(all); n++ {
			if n > 560 {
				n += 997
			} else if n > 64 {
				n += 4
			}
			r := &rawPeer{t: t, port: h.port}
			c := r.socket()
			send(c, all[:min(n, len(all))])
			c.Close()
		}
	})
	h.exchange(50)
	t.Run("dual", func(t *testing.T) {
		setup := setupRequest(len(uri), 0, uri)
		for n := 0; n <= len(setup); n += 7 {
			for _, first := range []bool{true, false} {
				r := &rawPeer{t: t, port: h.port}
				ctl, data := r.socket(), r.socket()
				send(ctl, connectMessage(2, localPort(data)), nexusRequest())
				send(data, connectMessage(3, localPort(ctl)))
				r.must(ctl, 52)
				f := put64(control(sessionSetupReq, setup)[:prefixLen], offLen, 80)
				send(ctl, f)
				send(data, setup[:n])
				if first {
					data.Close()
					closed(t, ctl)
				} else {
					ctl.Close()
					closed(t, data)
				}
			}
			h.exchange(1)
		}
	})
	t.Run("idle", func(t *testing.T) {
		for _, first := range []bool{true, false} {
			r := &rawPeer{t: t, port: h.port}
			ctl, data := r.socket(), r.socket()
			send(ctl, connectMessage(2, localPort(data)), nexusRequest())
			send(data, connectMessage(3, localPort(ctl)))
			r.must(ctl, 52)
			if first {
				data.Close()
				closed(t, ctl)
			} else {
				ctl.Close()
				closed(t, data)
			}
		}
	})
	h.end()
}

func TestHostileSilence(t *testing.T) {
	h := startHostile(t)
	r := &rawPeer{t: t, port: h.port}

	// Halves whose mates never come, and some that only look like a pair.
	for i := range 20 {
		a, b := r.socket(), r.socket()
		send(a, connectMessage(2, localPort(b)))
		switch i % 4 {
		case 0:
			send(b, connectMessage(2, localPort(a)))
		case 1:
			send(b, connectMessage(3, localPort(a)-1))
		case 2:
			send(b, connectMessage(3, localPort(a))[:7])
		case 3:
			b.Close()
		}
	}
	h.exchange(7)

	// Sessions whose data never comes.
	for range 5 {
		c, dst := r.session()
		send(c, put32(entries(2, 4, nil, []uint32{1 << 20}), offDst, dst), make([]byte, 1000))
		c, dst = r.session()
		send(c, put32(request(8000), offDst, dst)[:4000])
		c = r.nexus()
		send(c, control(sessionSetupReq, setupRequest(len(uri), 0, uri))[:100])
	}
	h.exchange(7)
	h.checkIdle()

	// A flood of sockets that say nothing, or half of something.
	for i := range 2000 {
		c := r.socket()
		send(c, connectMessage(2, 7)[:i%8])
		if i%400 == 0 {
			h.exchange(7)
		}
	}
	h.exchange(7)
	h.checkIdle()
	h.newcomer()
	h.end()
}

// memory is the resident size of the server's process in bytes.
func (h *hostileServer) memory() int {
	h.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", h.server.cmd.Process.Pid))
	if err != nil {
		h.t.Fatal(err)
	}
	pages, _ := strconv.Atoi(strings.Fields(string(b))[1])
	return pages * os.Getpagesize()
}

// TestHostileFlood asks without reading the answers: the engine's memory
// must not follow.
func TestHostileFlood(t *testing.T) {
	const flood, allowed = 32 << 20, 160 << 20
	floods := []struct {
		name  string
		frame func(dst uint32, i int) []byte
	}{
		{"keepalive", func(dst uint32, _ int) []byte { return put32(head(kaReq, 0), offDst, dst) }},
		{"receipts", func(dst uint32, i int) []byte {
			return numbered(put32(put32(head(oneWayReq, 0), offDst, dst), offFlags, 1), uint16(i), uint64(i))
		}},
		{"sessions", func(uint32, int) []byte {
			return control(sessionSetupReq, setupRequest(len(uri), 0, uri))
		}},
	}
	for _, f := range floods {
		t.Run(f.name, func(t *testing.T) {
			h := startHostile(t)
			h.exchange(7)
			before := h.memory()
			r := &rawPeer{t: t, port: h.port}
			c, dst := r.session()
			c.SetDeadline(time.Now().Add(3 * time.Second)) // or the engine stops reading
			sent := 0
			for i := 0; sent < flood; {
				var batch []byte
				for range 500 {
					batch = append(batch, f.frame(dst, i)...)
					i++
				}
				n, err := c.Write(batch)
				sent += n
				if err != nil {
					break
				}
			}
			h.exchange(7)
			if grown := h.memory() - before; grown > allowed {
				t.Errorf("the server's memory grew by %d MiB", grown>>20)
			}
			h.checkIdle()
			if f.name == "keepalive" {
				// All are answered to a peer that reads after all.
				c.SetDeadline(time.Now().Add(peerPatience))
				in := bufio.NewReaderSize(c, 1<<20)
				b := make([]byte, prefixLen)
				for i := range sent / prefixLen {
					if _, err := io.ReadFull(in, b); err != nil || be.Uint32(b[offType:]) != kaRsp {
						t.Fatalf("answer %d of %d: %v, % x", i, sent/prefixLen, err, b)
					}
				}
			}
			c.Close()
			h.end()
		})
	}
}
