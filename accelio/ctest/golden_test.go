// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestGolden plays one side of recorded conversations of libxio 1.7 against
// the engine, which plays the other side: the engine must go through the
// whole session, put the recorded bytes on its sockets wherever the protocol
// fixes them, and deliver the events that the interface promises.

// delivery is how the scripted peer's bytes reach the engine.
type delivery struct {
	name      string
	bytewise  bool // one byte at a time
	dataFirst bool // data socket before control socket
	ctlAhead  bool // control bytes of several frames, then their data
}

var deliveries = []delivery{
	{name: "whole"},
	{name: "bytewise", bytewise: true},
	{name: "data-first", dataFirst: true},
	{name: "data-first-bytewise", dataFirst: true, bytewise: true},
	{name: "control-ahead", ctlAhead: true},
}

type scenario struct {
	name   string
	client []string // arguments of the engine as client
	server []string // and as server

	clientEvents []string
	serverEvents []string

	slow       string // the role that must wait for real timers: once only
	lost       bool   // the peer's sockets are closed after the last frame
	swapFin    bool   // our FIN_REQ goes before our FIN_RSP
	inTurns    bool   // the engine's client waits for each response
	receiptToo bool   // our answer carries the receipt (see accelio-wire 6.3)
}

const (
	established = "session established priv=0"
	connected   = "connection established [Success]"
	newConn     = "new connection [Success]"
	newSession  = "new session uri=tcp://127.0.0.1:20610 priv="
)

func ended(first, reason string) []string {
	return []string{
		"connection " + first + " [" + reason + "]",
		"connection teardown [" + reason + "]",
		"session teardown [" + reason + "]",
	}
}

var (
	closedByUs   = ended("closed", "Session closed")
	closedByPeer = ended("closed", "Session disconnected")
	disconnected = ended("disconnected", "Session disconnected")
)

func repeat(n int, lines ...string) []string { return slices.Repeat(lines, n) }

func opened(lines ...string) []string {
	return append([]string{established, connected}, lines...)
}

func accepted(lines ...string) []string {
	return append([]string{newSession, newConn}, lines...)
}

var scenarios = []scenario{
	{
		name:         "hello-dual",
		client:       []string{"-n", "2", "-h", "28", "-d", "23"},
		server:       []string{"-H", "29", "-D", "24"},
		clientEvents: slices.Concat(opened(repeat(2, "received response hdr=29x68 data=24x61")...), closedByUs),
		serverEvents: slices.Concat(accepted(repeat(2, "received request hdr=28x48 data=23x41")...), closedByPeer),
	},
	{
		name:         "hello-single",
		client:       []string{"-1", "-n", "2", "-h", "28", "-d", "23"},
		server:       []string{"-H", "29", "-D", "24"},
		clientEvents: slices.Concat(opened(repeat(2, "received response hdr=29x68 data=24x61")...), closedByUs),
		serverEvents: slices.Concat(accepted(repeat(2, "received request hdr=28x48 data=23x41")...), closedByPeer),
	},
	{
		name:         "large-1m-request",
		client:       []string{"-n", "1", "-h", "16", "-d", "1048576"},
		server:       []string{"-H", "8", "-D", "16"},
		clientEvents: slices.Concat(opened("received response hdr=8x68 data=16x61"), closedByUs),
		serverEvents: slices.Concat(accepted("received request hdr=16x48 data=1048576x41"), closedByPeer),
	},
	{
		name:         "large-1m-request-single",
		client:       []string{"-1", "-n", "1", "-h", "16", "-d", "1048576"},
		server:       []string{"-H", "8", "-D", "16"},
		clientEvents: slices.Concat(opened("received response hdr=8x68 data=16x61"), closedByUs),
		serverEvents: slices.Concat(accepted("received request hdr=16x48 data=1048576x41"), closedByPeer),
	},
	{
		name:         "large-1m-response",
		client:       []string{"-n", "1", "-h", "16", "-d", "16", "-i", "1048576"},
		server:       []string{"-H", "8", "-D", "1048576"},
		clientEvents: slices.Concat(opened("received response hdr=8x68 data=1048576x61"), closedByUs),
		serverEvents: slices.Concat(accepted("received request hdr=16x48 data=16x41"), closedByPeer),
	},
	{
		name:         "large-1m-response-single",
		client:       []string{"-1", "-n", "1", "-h", "16", "-d", "16", "-i", "1048576"},
		server:       []string{"-H", "8", "-D", "1048576"},
		clientEvents: slices.Concat(opened("received response hdr=8x68 data=1048576x61"), closedByUs),
		serverEvents: slices.Concat(accepted("received request hdr=16x48 data=16x41"), closedByPeer),
	},
	{
		name:   "reject-with-private-data",
		client: []string{"-n", "1", "-h", "8", "-d", "8", "-p", "client-priv"},
		server: []string{"-j"},
		clientEvents: []string{
			"session reject [Session refused] NOPE-reject-data",
			"connection closed [Session rejected]",
			"error out request [Message flushed]",
			"connection teardown [Session rejected]",
			"session teardown [Session rejected]",
		},
		serverEvents: slices.Concat([]string{newSession + "client-priv", newConn}, ended("closed", "Session rejected")),
		swapFin:      true,
	},
	{
		name:         "graceful-close-by-client",
		client:       []string{"-n", "1", "-h", "4", "-d", "8"},
		server:       []string{"-H", "4", "-D", "8"},
		clientEvents: slices.Concat(opened("received response hdr=4x68 data=8x61"), closedByUs),
		serverEvents: slices.Concat(accepted("received request hdr=4x48 data=8x41"), closedByPeer),
	},
	{
		name:         "graceful-close-by-server",
		client:       []string{"-n", "1", "-h", "4", "-d", "8"},
		server:       []string{"-H", "4", "-D", "8"},
		clientEvents: slices.Concat(opened("received response hdr=4x68 data=8x61"), closedByPeer),
		serverEvents: slices.Concat(accepted("received request hdr=4x48 data=8x41"), closedByUs),
	},
	{
		name:   "abrupt-loss-of-server",
		client: []string{"-n", "1", "-h", "4", "-d", "8"},
		server: []string{"-l"},
		clientEvents: slices.Concat(opened(), disconnected[:1],
			[]string{"error out request [Message flushed]"}, disconnected[1:]),
		serverEvents: slices.Concat(accepted("received request hdr=4x48 data=8x41"), disconnected[:2],
			[]string{"error out response [Message discarded]"}, disconnected[2:]),
		lost: true,
	},
	{
		name:         "keepalive",
		client:       []string{"-n", "1", "-h", "4", "-d", "8", "-k", "20"},
		server:       []string{"-H", "4", "-D", "8", "-k", "1"},
		clientEvents: slices.Concat(opened("received response hdr=4x68 data=8x61"), closedByUs),
		serverEvents: slices.Concat(accepted("received request hdr=4x48 data=8x41"), closedByPeer),
		slow:         "server",
	},
	{
		name:         "keepalive-by-client",
		client:       []string{"-n", "1", "-h", "4", "-d", "8", "-k", "1"},
		server:       []string{"-H", "4", "-D", "8", "-k", "20"},
		clientEvents: slices.Concat(opened("received response hdr=4x68 data=8x61"), closedByUs),
		serverEvents: slices.Concat(accepted("received request hdr=4x48 data=8x41"), closedByPeer),
		slow:         "client",
	},
	{
		name:   "session-reuse",
		client: []string{"-n", "1", "-d", "3", "-S", "2"},
		server: []string{"-D", "4", "-S", "2"},
		clientEvents: repeat(2, slices.Concat(opened("received response hdr=0 data=4x61"),
			closedByUs)...),
		serverEvents: repeat(2, slices.Concat(accepted("received request hdr=0 data=3x41"),
			closedByPeer)...),
	},
	{
		name:         "oneway-with-receipt",
		client:       []string{"-o", "-r", "-n", "2", "-h", "8", "-d", "32"},
		clientEvents: slices.Concat(opened(repeat(2, "delivered one-way-receipt result=0")...), closedByUs),
		serverEvents: slices.Concat(accepted(repeat(2, "received one-way hdr=8x48 data=32x41")...), closedByPeer),
	},
	{
		name:         "oneway-large-implicit-receipt",
		client:       []string{"-o", "-n", "1", "-h", "5", "-d", "9000"},
		clientEvents: slices.Concat(opened("sent one-way"), closedByUs),
		serverEvents: slices.Concat(accepted("received one-way hdr=5x48 data=9000x41"), closedByPeer),
	},
	{
		name:   "request-with-receipt",
		client: []string{"-r", "-n", "2", "-h", "8", "-d", "32"},
		server: []string{"-l", "-H", "8", "-D", "16"},
		clientEvents: slices.Concat(opened(repeat(2, "delivered response result=0",
			"received response hdr=8x68 data=16x61")...), closedByUs),
		serverEvents: slices.Concat(accepted(repeat(2, "received request hdr=8x48 data=32x41")...), closedByPeer),
	},
	{
		name:   "request-with-receipt-answered-at-once",
		client: []string{"-r", "-n", "2", "-h", "8", "-d", "32"},
		server: []string{"-H", "8", "-D", "16"},
		clientEvents: slices.Concat(opened(repeat(2,
			"received response hdr=8x68 data=16x61")...), closedByUs),
		serverEvents: slices.Concat(accepted(repeat(2, "received request hdr=8x48 data=32x41")...), closedByPeer),
		receiptToo:   true,
	},
	{
		name:   "bidi",
		client: []string{"-n", "1", "-h", "8", "-d", "32", "-H", "5", "-D", "9"},
		server: []string{"-h", "6", "-d", "20", "-H", "8", "-D", "16"},
		clientEvents: slices.Concat(opened("received response hdr=8x68 data=16x61"),
			repeat(2, "received request hdr=6x73 data=20x6d"), closedByUs),
		serverEvents: slices.Concat(accepted("received request hdr=8x48 data=32x41"),
			repeat(2, "received response hdr=5x68 data=9x61"), closedByPeer),
	},
	{
		name:         "flow-control-ack",
		client:       []string{"-f", "-R", "8", "-o", "-n", "6", "-h", "4", "-d", "8"},
		server:       []string{"-f", "-R", "8"},
		clientEvents: slices.Concat(opened(repeat(6, "sent one-way")...), closedByUs),
		serverEvents: slices.Concat(accepted(repeat(6, "received one-way hdr=4x48 data=8x41")...), closedByPeer),
	},
	{
		name:         "flow-control-requests",
		client:       []string{"-f", "-R", "8", "-w", "-n", "4", "-h", "4", "-d", "8"},
		server:       []string{"-f", "-R", "8", "-H", "4", "-D", "8"},
		clientEvents: slices.Concat(opened(repeat(4, "received response hdr=4x68 data=8x61")...), closedByUs),
		serverEvents: slices.Concat(accepted(repeat(4, "received request hdr=4x48 data=8x41")...), closedByPeer),
		inTurns:      true,
	},
}

// player is the scripted side of one conversation.
type player struct {
	t        *testing.T
	engine   *enginePeer
	sc       scenario
	conv     conversation
	how      delivery
	asServer bool // the script's role
	ctl      net.Conn
	data     net.Conn // nil for single stream
	behind   []byte   // data that waits, in control-ahead

	// What the engine chose, by what libxio had chosen.
	ltid    map[uint32]uint32
	session map[uint32]uint32
	port    string
}

func (p *player) failf(f string, args ...any) {
	p.t.Helper()
	p.engine.fatal("%s", fmt.Sprintf(f, args...))
}

// write sends bytes in the way of the delivery. Only the edges of megabytes
// go byte by byte: there the decisions are.
func (p *player) write(c net.Conn, b []byte) {
	p.t.Helper()
	const edge = 256
	for len(b) > 0 {
		n := len(b)
		if p.how.bytewise {
			n = 1
			if len(b) > 4*edge {
				n = 0
				for range edge {
					p.write(c, b[:1])
					b = b[1:]
				}
				for len(b) > 2*edge {
					k := min(len(b)-edge, 65521)
					if _, err := c.Write(b[:k]); err != nil {
						p.failf("write: %v", err)
					}
					b = b[k:]
				}
				continue
			}
		}
		if _, err := c.Write(b[:n]); err != nil {
			p.failf("write: %v", err)
		}
		b = b[n:]
	}
}

// send writes one frame to the engine.
func (p *player) send(f frame) {
	p.t.Helper()
	data := p.data
	if data == nil {
		data = p.ctl
	}
	if p.how.dataFirst && p.data != nil {
		p.write(data, f.data)
		p.write(p.ctl, f.ctl)
		return
	}
	p.write(p.ctl, f.ctl)
	if p.how.ctlAhead && isApp(f.typ()) {
		p.behind = append(p.behind, f.data...)
		return
	}
	p.write(data, append(p.behind, f.data...))
	p.behind = nil
}

// catchUp sends data that was held back.
func (p *player) catchUp() {
	p.t.Helper()
	if len(p.behind) > 0 {
		p.write(p.data, p.behind)
		p.behind = nil
	}
}

// read takes one frame of the engine off the sockets.
func (p *player) read() frame {
	p.t.Helper()
	ctl := make([]byte, tlvLen)
	if _, err := io.ReadFull(p.ctl, ctl); err != nil {
		p.failf("reading a frame of the engine: %v", err)
	}
	if be.Uint32(ctl) != magic || be.Uint64(ctl[offLen:]) > 9216-tlvLen {
		p.failf("the engine sent no frame: % x", ctl)
	}
	ctl = append(ctl, make([]byte, be.Uint64(ctl[offLen:]))...)
	if _, err := io.ReadFull(p.ctl, ctl[tlvLen:]); err != nil {
		p.failf("reading a frame of the engine: %v", err)
	}
	c := p.data
	if c == nil {
		c = p.ctl
	}
	data := make([]byte, dataLen(ctl, p.data != nil))
	if _, err := io.ReadFull(c, data); err != nil {
		p.failf("reading %d data bytes of the engine: %v", len(data), err)
	}
	return frame{ctl, data}
}

func localPort(c net.Conn) uint16  { return uint16(c.LocalAddr().(*net.TCPAddr).Port) }
func remotePort(c net.Conn) uint16 { return uint16(c.RemoteAddr().(*net.TCPAddr).Port) }

func connectMessage(kind uint32, port uint16) []byte {
	b := be.AppendUint32(nil, kind)
	b = be.AppendUint16(b, port)
	return append(b, 0, 0)
}

// dial connects to the engine with the connect messages of the mode.
func (p *player) dial(port int) {
	p.t.Helper()
	dial := func() net.Conn {
		c, err := net.Dial("tcp4", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			p.failf("dial: %v", err)
		}
		c.SetDeadline(time.Now().Add(peerPatience))
		p.t.Cleanup(func() { c.Close() })
		return c
	}
	p.ctl = dial()
	if !p.conv.dual {
		p.write(p.ctl, connectMessage(1, 0))
		return
	}
	p.data = dial()
	first := func() { p.write(p.ctl, connectMessage(2, localPort(p.data))) }
	second := func() { p.write(p.data, connectMessage(3, localPort(p.ctl))) }
	if p.how.dataFirst {
		first, second = second, first
	}
	first()
	second()
}

// accept takes the connections of the engine and checks how it opens them.
func (p *player) accept(l *net.TCPListener) {
	p.t.Helper()
	l.SetDeadline(time.Now().Add(peerPatience))
	want := 1
	if p.conv.dual {
		want = 2
	}
	second := make(map[net.Conn]uint16)
	for range want {
		c, err := l.Accept()
		if err != nil {
			p.failf("accept: %v", err)
		}
		c.SetDeadline(time.Now().Add(peerPatience))
		p.t.Cleanup(func() { c.Close() })
		b := make([]byte, 8)
		if _, err := io.ReadFull(c, b); err != nil {
			p.failf("reading a connect message: %v", err)
		}
		second[c] = be.Uint16(b[4:])
		if b[6] != 0 || b[7] != 0 {
			p.failf("pad of a connect message: % x", b)
		}
		switch kind := be.Uint32(b); {
		case kind == 1 && !p.conv.dual && second[c] == 0, kind == 2 && p.conv.dual && p.ctl == nil:
			p.ctl = c
		case kind == 3 && p.conv.dual && p.data == nil:
			p.data = c
		default:
			p.failf("connect message % x", b)
		}
	}
	if p.conv.dual && (second[p.ctl] != remotePort(p.data) || second[p.data] != remotePort(p.ctl)) {
		p.failf("second ports %v of %v and %v", second, p.ctl.RemoteAddr(), p.data.RemoteAddr())
	}
}

// patch turns a recorded frame of the script's side into one for the engine
// at hand: it names the engine's ids.
func (p *player) patch(f frame) frame {
	p.t.Helper()
	f = f.clone()
	typ := f.typ()
	if isNexus(typ) {
		return f
	}
	if typ != sessionSetupReq {
		if id, ok := p.session[be.Uint32(f.ctl[offDst:])]; ok {
			be.PutUint32(f.ctl[offDst:], id)
		}
	}
	if isRequest(typ) {
		return f
	}
	live, ok := p.ltid[f.rtid()]
	if !ok {
		p.failf("the capture answers a request that is not in it: %v", f)
	}
	be.PutUint32(f.ctl[offRtid:], live)
	return f
}

// note remembers the ids that the engine chose.
func (p *player) note(want, got frame) {
	if isNexus(want.typ()) {
		return
	}
	if isRequest(want.typ()) {
		p.ltid[want.ltid()] = got.ltid()
	}
	if want.typ() == sessionSetupReq || want.typ() == sessionSetupRsp {
		p.session[be.Uint32(want.payload())] = be.Uint32(got.payload())
	}
}

// fixed clears the bytes of a frame that the protocol leaves open, and checks
// that the engine writes zero where libxio leaves what was there (own).
func (p *player) fixed(f frame, own bool) frame {
	p.t.Helper()
	f = f.clone()
	typ := f.typ()
	clear := func(what string, off, n int, stale bool) {
		if own && stale && !bytes.Equal(f.ctl[off:off+n], make([]byte, n)) {
			p.failf("%v: %s is % x, not zero", f, what, f.ctl[off:off+n])
		}
		copy(f.ctl[off:off+n], make([]byte, n))
	}
	switch {
	case typ == nexusSetupReq:
		clear("pad", 44, 4, true)
		return f
	case typ == nexusSetupRsp:
		clear("cid", 16, 4, false)
		clear("pad", 48, 4, true)
		return f
	}
	if !isApp(typ) && typ != ackReq {
		clear("flags", offFlags, 4, true)
		clear("serial number", offSerial, 8, true)
		clear("rest of the session header", offSN, 24, true)
	}
	clear("session header pad", 38, 6, true)
	clear("transport header pad", 62, 2, true)
	clear("remaining length", 84, 4, true)
	clear("ltid", offLtid, 4, false)
	if isRequest(typ) {
		clear("pad", 68, 2, true)
		clear("pad", 76, 4, true)
		n := int(be.Uint16(f.ctl[offInNr:])) + int(be.Uint16(f.ctl[offOutNr:]))
		for i := range n {
			if a := f.ctl[prefixLen+16*i:][:8]; be.Uint64(a) != 0 {
				be.PutUint64(a, 1)
			}
		}
	} else {
		clear("pad", 73, 1, true)
	}
	if typ == sessionSetupReq || typ == sessionSetupRsp {
		be.PutUint32(f.payload(), 0)
	}
	if typ == sessionSetupReq && own {
		// The engine had to name the script's port.
		copy(f.payload(), bytes.ReplaceAll(f.payload(), []byte(p.port), []byte(p.conv.port)))
	}
	return f
}

func (p *player) compare(want, got frame) {
	p.t.Helper()
	w, g := p.fixed(want, false), p.fixed(got, true)
	if !bytes.Equal(w.ctl, g.ctl) {
		p.failf("%v:\nengine % x\nlibxio % x", got, g.ctl, w.ctl)
	}
	if !bytes.Equal(w.data, g.data) {
		p.failf("%v: the data differs", got)
	}
}

// acknowledge moves an ACK_REQ to where it was decided: behind the request
// that it names as the last one received.
func (p *player) acknowledge(steps []step, at int) {
	p.t.Helper()
	ack := steps[at]
	for i := at - 1; i > 0; i-- {
		s := steps[i]
		if s.toServer != ack.toServer && isApp(s.typ()) && isRequest(s.typ()) &&
			be.Uint16(s.ctl[offSN:]) == be.Uint16(ack.ctl[offAckSN:]) {
			copy(steps[i+2:at+1], steps[i+1:at])
			steps[i+1] = ack
			return
		}
	}
	p.failf("the capture acknowledges a request that is not in it")
}

// adapt is the recorded conversation with the engine's documented
// differences.
func (p *player) adapt() []step {
	steps := slices.Clone(p.conv.steps)
	for i := range steps {
		if steps[i].typ() == ackReq {
			p.acknowledge(steps, i)
		}
	}
	if p.asServer {
		return steps
	}
	for i := range steps {
		s := &steps[i]
		if s.toServer {
			continue
		}
		if p.sc.receiptToo && s.typ() == msgRsp {
			s.frame = s.frame.clone()
			be.PutUint32(s.ctl[offFlags:], 0x1800)
		}
	}
	if p.sc.swapFin {
		// In a simultaneous close the order of the two is open.
		n := len(steps)
		i := slices.IndexFunc(steps, func(s step) bool { return s.typ() == finRsp && !s.toServer })
		if i < 0 || i+1 >= n || steps[i+1].typ() != finReq {
			p.failf("the capture has no simultaneous close")
		}
		a, b := steps[i], steps[i+1]
		a.frame, b.frame = a.clone(), b.clone()
		ta, tb := be.Uint16(a.ctl[offTSN:]), be.Uint16(b.ctl[offTSN:])
		be.PutUint16(a.ctl[offTSN:], tb)
		be.PutUint16(b.ctl[offTSN:], ta)
		steps[i], steps[i+1] = b, a
	}
	return steps
}

// wanted are the events that the engine must deliver in its role.
func (p *player) wanted() []string {
	if p.asServer {
		return p.sc.clientEvents
	}
	return p.sc.serverEvents
}

// settle waits until the engine has delivered all events before the n-th of
// this kind, so that what follows cannot overtake them.
func (p *player) settle(kind string, n int) {
	p.t.Helper()
	for i, line := range p.wanted() {
		if !strings.HasPrefix(line, kind) {
			continue
		}
		if n--; n == 0 {
			for len(events(p.engine.seen)) < i {
				p.engine.next()
			}
			return
		}
	}
}

// prompt gives the engine's application the command that leads to a frame.
func (p *player) prompt(want frame, done []step) {
	p.t.Helper()
	var peerClosed bool
	requests, sessions := 0, 0
	for _, s := range done {
		mine := s.toServer != p.asServer
		if s.typ() == sessionSetupReq {
			peerClosed = false
			sessions++
		}
		if mine && s.typ() == finReq {
			peerClosed = true
		}
		if !mine && s.typ() == msgReq {
			requests++
		}
	}
	switch typ := want.typ(); {
	case typ == finReq && !peerClosed && !slices.Contains(p.sc.server, "-j"):
		p.settle("connection closed", sessions)
		p.engine.command("close")
	case typ == msgRsp && slices.Contains(p.engineArgs(), "-l") && be.Uint32(want.ctl[offFlags:])&0x1000 != 0:
		p.engine.command("answer")
	case typ == msgReq && !p.asServer && requests == 0:
		p.engine.command("request 2")
	}
}

func (p *player) engineArgs() []string {
	if p.asServer {
		return p.sc.client
	}
	return p.sc.server
}

func (p *player) play() {
	p.t.Helper()
	steps := p.adapt()
	sessions := 0
	for i, s := range steps {
		if s.toServer != p.asServer {
			if s.typ() == sessionSetupReq {
				p.settle("new session", sessions+1)
				sessions++
			}
			p.send(p.patch(s.frame))
			continue
		}
		// A client's requests were queued at the start: they come anyway.
		if s.typ() != msgReq || !p.asServer || p.sc.inTurns {
			p.catchUp()
		}
		p.prompt(s.frame, steps[:i])
		got := p.read()
		if got.typ() != s.typ() {
			p.failf("the engine sent %v, libxio %v", got, s.frame)
		}
		p.compare(s.frame, got)
		p.note(s.frame, got)
	}
	p.catchUp()
	if p.sc.lost {
		last := "received request"
		if p.asServer {
			last = "connection established"
		}
		p.engine.waitFor(last)
		p.ctl.Close()
		p.data.Close()
		return
	}
	for _, c := range []net.Conn{p.ctl, p.data} {
		if c == nil {
			continue
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			p.failf("after the last frame: %d bytes, %v", n, err)
		}
	}
}

// events are those that the API orders; completions depend on the kernel.
func events(seen []string) []string {
	var out []string
	for _, line := range seen {
		if !strings.HasPrefix(line, "port ") && line != "sent response" && line != "end" {
			out = append(out, line)
		}
	}
	return out
}

func (p *player) checkEvents() {
	p.t.Helper()
	seen := p.engine.wait()
	want := p.wanted()
	got := events(seen)
	for i, line := range got {
		got[i] = strings.ReplaceAll(line, p.port, p.conv.port)
	}
	if !slices.Equal(got, want) {
		p.t.Errorf("events:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	answers := 0
	for _, s := range p.conv.steps {
		if s.toServer == p.asServer && s.typ() == msgRsp && be.Uint32(s.ctl[offFlags:])&0x1000 != 0 {
			answers++
		}
	}
	sent := 0
	for _, line := range seen {
		if line == "sent response" {
			sent++
		}
	}
	if sent != answers {
		p.t.Errorf("%d of %d answers completed", sent, answers)
	}
}

func runScenario(t *testing.T, sc scenario, how delivery, asServer bool) {
	p := &player{
		t: t, sc: sc, how: how, asServer: asServer,
		conv:    readCapture(t, filepath.Join(goldenDir, sc.name+".txt")),
		ltid:    make(map[uint32]uint32),
		session: make(map[uint32]uint32),
	}
	if asServer {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		p.port = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		p.engine = startPeer(t, append(sc.client, "tcp://"+l.Addr().String())...)
		p.accept(l)
	} else {
		p.engine = startPeer(t, append(append([]string{"-s"}, sc.server...), "tcp://127.0.0.1:0")...)
		port := p.engine.port()
		p.port = strconv.Itoa(port)
		p.dial(port)
	}
	p.play()
	p.checkEvents()
}

func TestGolden(t *testing.T) {
	engineBuilder(t, compilers(t)[0], "address,undefined") // before the clocks run
	for _, sc := range scenarios {
		for _, how := range deliveries {
			for _, role := range []string{"client", "server"} {
				if sc.slow == role && how != deliveries[0] {
					continue
				}
				if (how.dataFirst || how.ctlAhead) && strings.HasSuffix(sc.name, "-single") {
					continue
				}
				t.Run(sc.name+"/"+how.name+"/"+role, func(t *testing.T) {
					if sc.slow == role {
						t.Parallel()
					}
					runScenario(t, sc, how, role == "client")
				})
			}
		}
	}
}
