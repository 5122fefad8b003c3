// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestGolden plays one side of recorded conversations of libxio 1.7 against
// the engine, which plays the other side: the engine must go through the
// whole session, put the recorded bytes on its sockets wherever the protocol
// fixes them, and deliver the events that the interface promises.
//
// The engine plays both roles of every capture but those with noClient, which
// say why. Where it does on purpose something else than libxio, the fields of
// a scenario name it.

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
	oldLink    bool   // our client closes a link with the session that it was for

	then     string // libxio gave up where we go on, as in this other capture
	noClient string // why the engine's client cannot be in it
}

const (
	established = "session established priv="
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
	asServer bool   // the script's role
	steps    []step // what is played
	links    []*link
	closes   int // of connections, by command

	// What the engine chose, by what libxio had chosen.
	session map[uint32]uint32
	ports   map[string]string // of today, by those of the capture
	doors   map[string]*net.TCPListener
}

func (p *player) failf(f string, args ...any) {
	p.t.Helper()
	p.engine.fatal("%s", fmt.Sprintf(f, args...))
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
		if own && be.Uint32(f.ctl[44:]) != kinRequest {
			p.failf("%v: the mark is % x", f, f.ctl[44:48])
		}
		clear("mark", 44, 4, false)
		return f
	case typ == nexusSetupRsp:
		clear("cid", 16, 4, false)
		clear("pad", 48, 4, true) // no mark for who did not send one
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
	if own {
		return mapURIs(f, p.recorded)
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
		if p.sc.oldLink {
			p.keepSession(steps)
		}
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
		from := func(typ uint32) int {
			return slices.IndexFunc(steps, func(s step) bool {
				return s.typ() == typ && !s.toServer && s.link == 0
			})
		}
		i, j := from(finRsp), from(finReq)
		if i < 0 || j < i {
			p.failf("the capture has no simultaneous close")
		}
		a, b := steps[i], steps[j]
		a.frame, b.frame = a.clone(), b.clone()
		ta, tb := be.Uint16(a.ctl[offTSN:]), be.Uint16(b.ctl[offTSN:])
		be.PutUint16(a.ctl[offTSN:], tb)
		be.PutUint16(b.ctl[offTSN:], ta)
		steps[i], steps[j] = b, a
	}
	if p.sc.then != "" {
		steps = p.goOn(steps)
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

// decided tells whether a link only carried a decision: then the engine
// closes it by itself.
func (p *player) decided(link int) bool {
	for _, s := range p.conv.steps {
		if s.typ() == sessionSetupRsp && s.link == link {
			b := s.payload()
			return be.Uint16(b[4:]) != 1 || be.Uint16(b[26:]) > 0
		}
	}
	return false
}

// prompt gives the engine's application the command that leads to a frame.
func (p *player) prompt(want step, done []step) {
	p.t.Helper()
	var peerClosed bool
	requests, received := 0, 0
	for _, s := range done {
		mine := s.toServer != p.asServer
		if s.typ() == sessionSetupReq && s.link == want.link {
			peerClosed = false
		}
		if mine && s.typ() == finReq && s.link == want.link {
			peerClosed = true
		}
		if !mine && s.typ() == msgReq {
			requests++
		}
		if mine && s.typ() == msgReq {
			received++
		}
	}
	switch typ := want.typ(); {
	case typ == finReq && !peerClosed && !p.decided(want.link):
		if slices.Contains(p.engineArgs(), "-C") {
			p.settle(fmt.Sprintf("%d connection closed", want.link+1), 1)
			p.engine.command(fmt.Sprintf("close %d", want.link+1))
			return
		}
		p.closes++
		p.settle("connection closed", p.closes)
		p.engine.command("close")
	case typ == msgRsp && slices.Contains(p.engineArgs(), "-l") && be.Uint32(want.ctl[offFlags:])&0x1000 != 0:
		p.await("received request", received)
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

// link is the transport connection of a number, opened when it is new.
func (p *player) link(n int) *link {
	p.t.Helper()
	if n == len(p.links) {
		l := &link{p: p, ltid: make(map[uint32]uint32)}
		port := p.conv.links[n]
		if p.asServer {
			l.accept(p.doors[port])
		} else {
			l.dial(p.ports[port])
		}
		p.links = append(p.links, l)
	}
	return p.links[n]
}

func (p *player) catchUp() {
	p.t.Helper()
	for _, l := range p.links {
		l.catchUp()
	}
}

func (p *player) play() {
	p.t.Helper()
	p.steps = p.adapt()
	sessions := 0
	for i, s := range p.steps {
		l := p.link(s.link)
		if s.toServer != p.asServer {
			if s.typ() == sessionSetupReq {
				p.settle("new session", sessions+1)
				sessions++
			}
			l.send(l.patch(s.frame))
			continue
		}
		// A client's requests were queued at the start: they come anyway.
		if s.typ() != msgReq || !p.asServer || p.sc.inTurns {
			p.catchUp()
		}
		p.prompt(s, p.steps[:i])
		got := l.read()
		if got.typ() != s.typ() {
			p.failf("the engine sent %v, libxio %v", got, s.frame)
		}
		p.compare(s.frame, got)
		l.note(s.frame, got)
	}
	p.catchUp()
	if p.sc.lost {
		last := "received request"
		if p.asServer {
			last = "connection established"
		}
		p.engine.waitFor(last)
		p.links[0].close()
		return
	}
	for _, l := range p.links {
		for _, c := range []net.Conn{l.ctl, l.data} {
			if c == nil {
				continue
			}
			if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				p.failf("after the last frame: %d bytes, %v", n, err)
			}
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
	var pairs []string
	for then, now := range p.ports {
		pairs = append(pairs, ":"+now, ":"+then)
	}
	ports := strings.NewReplacer(pairs...)
	for i, line := range got {
		got[i] = ports.Replace(line)
	}
	if !maps.EqualFunc(byConnection(got), byConnection(want), slices.Equal) ||
		got[len(got)-1] != want[len(want)-1] {
		p.t.Errorf("events:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	answers := 0
	for _, s := range p.steps {
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
		session: make(map[uint32]uint32),
		ports:   make(map[string]string),
		doors:   make(map[string]*net.TCPListener),
	}
	if asServer {
		for _, port := range p.conv.ports {
			l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			p.doors[port] = l
			_, p.ports[port], _ = net.SplitHostPort(l.Addr().String())
		}
		first := p.doors[p.conv.ports[0]]
		p.engine = startPeer(t, append(slices.Clone(sc.client), "tcp://"+first.Addr().String())...)
	} else {
		p.engine = startPeer(t, slices.Concat([]string{"-s"}, sc.server, []string{"tcp://127.0.0.1:0"})...)
		for _, port := range p.conv.ports {
			p.ports[port] = strconv.Itoa(p.engine.port())
		}
	}
	p.play()
	p.checkEvents()
}

func TestGolden(t *testing.T) {
	engineBuilder(t, compilers(t)[0], "address,undefined") // before the clocks run
	all := slices.Concat(scenarios, linkScenarios)
	for _, file := range captures(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		played := slices.ContainsFunc(all, func(sc scenario) bool { return sc.name == name })
		if !played {
			t.Errorf("nobody plays %s", name)
		}
	}
	for _, sc := range all {
		for _, how := range deliveries {
			for _, role := range []string{"client", "server"} {
				if sc.slow == role && how != deliveries[0] {
					continue
				}
				if role == "client" && sc.noClient != "" {
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
