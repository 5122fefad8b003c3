// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
)

// Flow control seen on the wire (accelio-wire 6.4): a scripted client and the
// engine as a server with a receive depth of eight messages.

const (
	offCreditMsgs  = 36
	offCreditBytes = 48
)

// flowPeer is a scripted client with a session on the engine's server.
type flowPeer struct {
	*rawPeer
	engine *enginePeer
	c      net.Conn
	dst    uint32
	sn     uint16 // of the next request
}

// startFlow opens a session that announces a receive depth of its own.
func startFlow(t *testing.T, window uint16, args ...string) *flowPeer {
	t.Helper()
	p := &flowPeer{engine: startPeer(t, append(append([]string{"-s"}, args...), "tcp://127.0.0.1:0")...)}
	p.rawPeer = &rawPeer{t: t, port: p.engine.port()}
	p.c = p.nexus()
	send(p.c, control(sessionSetupReq, put16(setupRequest(len(uri), 0, uri), 22, window)))
	b := p.frame(p.c)
	if be.Uint32(b[offType:]) != sessionSetupRsp {
		t.Fatalf("session setup was answered with % x", b)
	}
	p.dst = be.Uint32(b[prefixLen:])
	p.engine.waitFor("new connection")
	return p
}

// say sends a request, a one-way or an ACK_REQ with these credits.
func (p *flowPeer) say(typ uint32, data int, msgs uint16, credit uint64) {
	p.t.Helper()
	b := head(typ, data)
	put32(b, offDst, p.dst)
	put16(put16(b, offAckSN, 0xffff), offCreditMsgs, msgs)
	put64(put64(b, offUlpImm, uint64(data)), offCreditBytes, credit)
	send(p.c, numbered(b, p.sn, uint64(p.sn)))
	p.sn++
}

// barrier makes the engine answer at once; what it sent before that answer
// comes first.
func (p *flowPeer) barrier() {
	p.t.Helper()
	send(p.c, put32(head(kaReq, 0), offDst, p.dst))
}

// credits expects a frame of this type and number with these credits.
func (p *flowPeer) credits(typ uint32, sn, msgs uint16, credit uint64) []byte {
	p.t.Helper()
	b := p.frame(p.c)
	if got := be.Uint32(b[offType:]); got != typ {
		p.engine.fatal("frame of type %#x, not %#x", got, typ)
	}
	if got := be.Uint16(b[offSN:]); got != sn {
		p.engine.fatal("frame %#x has sn %d, not %d", typ, got, sn)
	}
	m, n := be.Uint16(b[offCreditMsgs:]), be.Uint64(b[offCreditBytes:])
	if m != msgs || n != credit {
		p.engine.fatal("frame %#x returns %d messages and %d bytes, not %d and %d", typ, m, n, msgs, credit)
	}
	return b
}

func (p *flowPeer) quiet() {
	p.t.Helper()
	p.barrier()
	if b := p.frame(p.c); be.Uint32(b[offType:]) != kaRsp {
		p.engine.fatal("frame of type %#x without credits for it", be.Uint32(b[offType:]))
	}
}

// end leaves; the engine must have lost nothing and know the reason.
func (p *flowPeer) end() []string {
	p.t.Helper()
	p.c.Close()
	return p.engine.wait()
}

func TestFlowControlAck(t *testing.T) {
	p := startFlow(t, 1024, "-f", "-R", "8")
	for round := range uint16(3) {
		for range 3 {
			p.say(oneWayReq, 100, 0, 0)
		}
		p.quiet()
		p.say(oneWayReq, 11, 0, 0)
		b := p.credits(ackReq, round, 4, 311)
		if got := be.Uint16(b[offAckSN:]); got != p.sn-1 {
			t.Errorf("ACK_REQ acknowledges %d, not %d", got, p.sn-1)
		}
	}
	p.quiet()
	p.end()
}

// Credits travel with answers and receipts; those for an ACK_REQ too.
func TestFlowControlCreditsOfAnswers(t *testing.T) {
	p := startFlow(t, 1024, "-f", "-R", "8", "-H", "4", "-D", "8")
	p.say(msgReq, 50, 0, 0)
	p.credits(msgRsp, 0, 1, 50)
	p.say(oneWayReq, 7, 0, 0)
	p.say(ackReq, 0, 0, 0)
	p.quiet()
	p.say(msgReq, 0, 0, 0)
	p.credits(msgRsp, 1, 3, 7)
	p.say(oneWayReq, 9, 0, 0)
	// A receipt is due after the callback: with the credit of its message.
	b := numbered(put32(put32(head(oneWayReq, 0), offDst, p.dst), offFlags, 1), p.sn, uint64(p.sn))
	p.sn++
	send(p.c, b)
	p.credits(oneWayRsp, 2, 2, 9)
	p.quiet()
	p.end()
}

// Nothing but ACK_REQs: the answers to them die out.
func TestFlowControlAcksOnly(t *testing.T) {
	p := startFlow(t, 1024, "-f", "-R", "8")
	for i := range uint16(10) {
		for range 3 {
			p.say(ackReq, 0, 0, 0)
		}
		p.quiet()
		p.say(ackReq, 0, 1, 0)
		p.credits(ackReq, i, 4, 0)
	}
	p.quiet()
	p.end()
}

// A window of two, and a peer that returns more than anybody has.
func TestFlowControlOverflow(t *testing.T) {
	p := startFlow(t, 2, "-f", "-R", "8", "-d", "1000")
	p.engine.command("request 20")
	sent := uint16(0)
	for _, give := range []struct {
		msgs  uint16
		bytes uint64
	}{{0, 0}, {math.MaxUint16, math.MaxUint64}, {math.MaxUint16, 0}, {3, math.MaxUint64}, {2, 1}} {
		if give.msgs > 0 {
			p.say(ackReq, 0, give.msgs, give.bytes)
		}
		acks := uint16(0)
		if give.msgs > 0 {
			acks = 1 // the credit for it comes back
		}
		p.credits(msgReq, sent, acks, 0)
		p.credits(msgReq, sent+1, 0, 0)
		sent += 2
		p.quiet()
	}
	// What waits is flushed with the rest.
	flushed := 0
	for _, line := range p.end() {
		if strings.HasPrefix(line, "error out request [Message flushed]") {
			flushed++
		}
	}
	if flushed != 20 {
		t.Errorf("%d of 20 requests flushed", flushed)
	}
}

// With the option off credits are ignored, and an ACK_REQ has its number.
func TestFlowControlOff(t *testing.T) {
	p := startFlow(t, 2, "-R", "8")
	p.engine.command("request 20")
	for i := range uint16(20) {
		p.credits(msgReq, i, 0, 0)
	}
	for range 8 {
		p.say(ackReq, 0, math.MaxUint16, math.MaxUint64)
		p.say(oneWayReq, 3, 5, 5)
	}
	p.say(msgReq, 3, 0, 0)
	p.credits(msgRsp, 0, 0, 0)
	p.quiet()
	p.end()
}

// A sequence number is checked before the credits behind it count.
func TestFlowControlWrongNumber(t *testing.T) {
	for _, args := range [][]string{{"-f"}, {}} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			p := startFlow(t, 2, args...)
			p.sn = 1
			p.say(ackReq, 0, 1, 0)
			closed(t, p.c)
			p.end()
		})
	}
}
