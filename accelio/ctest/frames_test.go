// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// The wire format once more, seen from outside: enough of it to cut a byte
// stream into frames and to play one side of a conversation. It shares
// nothing with the engine.

const (
	magic = 0x58494F50

	msgReq          = 0x12
	msgRsp          = 0x14
	oneWayReq       = 0x22
	oneWayRsp       = 0x24
	nexusSetupReq   = 0x82
	nexusSetupRsp   = 0x84
	sessionSetupReq = 0x102
	sessionSetupRsp = 0x104
	finReq          = 0x402
	finRsp          = 0x404
	ackReq          = 0x1002
	kaReq           = 0x4002
	kaRsp           = 0x4004

	tlvLen    = 16
	prefixLen = 96
)

// Offsets from the first byte of the TLV.
const (
	offType     = 4
	offLen      = 8
	offDst      = 16
	offFlags    = 20
	offSerial   = 24
	offSN       = 32
	offAckSN    = 34
	offVersion  = 56
	offTFlags   = 57
	offHdrLen   = 58
	offTSN      = 60
	offLtid     = 64
	offRtid     = 68
	offInOp     = 70
	offReqOutOp = 71
	offInNr     = 72
	offRspOutOp = 72
	offOutNr    = 74
	offStatus   = 76
	offUlpHdr   = 80
	offUlpPad   = 82
	offUlpImm   = 88
)

var be = binary.BigEndian

func isApp(typ uint32) bool     { return typ&0x38 != 0 }
func isNexus(typ uint32) bool   { return typ == nexusSetupReq || typ == nexusSetupRsp }
func isRequest(typ uint32) bool { return typ&2 != 0 }

// frame is one frame: what lies on the socket of the TLV, and the data that
// travels on the data socket or behind the counted bytes.
type frame struct {
	ctl  []byte
	data []byte
}

func (f frame) typ() uint32  { return be.Uint32(f.ctl[offType:]) }
func (f frame) ltid() uint32 { return be.Uint32(f.ctl[offLtid:]) }
func (f frame) rtid() uint32 { return be.Uint32(f.ctl[offRtid:]) }

func (f frame) clone() frame {
	return frame{bytes.Clone(f.ctl), bytes.Clone(f.data)}
}

// payload is the control payload of a setup frame, in either stream mode.
func (f frame) payload() []byte {
	if len(f.data) > 0 {
		return f.data
	}
	return f.ctl[prefixLen:]
}

func (f frame) String() string {
	return fmt.Sprintf("type %#x, %d+%d bytes", f.typ(), len(f.ctl), len(f.data))
}

// dataLen is how many bytes follow apart from the ctl bytes of a frame.
func dataLen(ctl []byte, dual bool) int {
	typ := be.Uint32(ctl[offType:])
	switch {
	case isNexus(typ):
		return 0
	case !isApp(typ):
		if dual {
			return int(be.Uint16(ctl[offUlpHdr:]))
		}
		return 0
	case isRequest(typ) && ctl[offReqOutOp] == 4:
		in, out := int(be.Uint16(ctl[offInNr:])), int(be.Uint16(ctl[offOutNr:]))
		sum := 0
		for i := in; i < in+out; i++ {
			sum += int(be.Uint32(ctl[prefixLen+16*i+8:]))
		}
		return sum
	case !isRequest(typ) && ctl[offRspOutOp] == 3, dual:
		return int(be.Uint64(ctl[offUlpImm:]))
	}
	return 0
}

// cut takes the first frame off ctl and data (nil for single stream). ends
// are the positions behind it. ok is false when it is not complete.
func cut(ctl, data []byte, dual bool) (f frame, ctlEnd, dataEnd int, ok bool) {
	if len(ctl) < tlvLen {
		return
	}
	n := tlvLen + int(be.Uint64(ctl[offLen:]))
	if len(ctl) < n {
		return
	}
	d := dataLen(ctl[:n], dual)
	if dual {
		if len(data) < d {
			return
		}
		return frame{ctl[:n], data[:d]}, n, d, true
	}
	if len(ctl) < n+d {
		return
	}
	return frame{ctl[:n], ctl[n : n+d]}, n + d, 0, true
}

// step is one frame of a captured conversation.
type step struct {
	frame
	toServer bool
	at       int // number of the event that completed it
}

// conversation is a golden capture of one transport connection.
type conversation struct {
	dual  bool
	steps []step // in time order
	port  string // of the server
}

var fillToken = regexp.MustCompile(`^([0-9a-f]{2})\*([0-9]+)$`)

func decodeTokens(t *testing.T, tokens []string) []byte {
	t.Helper()
	var b []byte
	for _, tok := range tokens {
		if m := fillToken.FindStringSubmatch(tok); m != nil {
			v, _ := strconv.ParseUint(m[1], 16, 8)
			n, _ := strconv.Atoi(m[2])
			b = append(b, bytes.Repeat([]byte{byte(v)}, n)...)
			continue
		}
		h, err := hex.DecodeString(tok)
		if err != nil {
			t.Fatalf("token %q: %v", tok, err)
		}
		b = append(b, h...)
	}
	return b
}

// readCapture reads a capture with one transport connection.
func readCapture(t *testing.T, path string) conversation {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type stream struct {
		bytes []byte
		marks [][2]int // length after event number
	}
	var streams [2][2]stream // to client/server; control or only/data
	c := conversation{}
	event := 0
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line)
		if len(w) == 0 || strings.HasPrefix(w[0], "#") {
			continue
		}
		event++
		var sock int
		switch w[1] {
		case "c1.one", "c1.ctl":
		case "c1.data":
			sock = 1
			c.dual = true
		default:
			t.Fatalf("%s: more than one transport connection", path)
		}
		switch w[2] {
		case "open":
			c.port = strings.TrimPrefix(w[4], "peer=")
		case ">", "<":
			dir := 0
			if w[2] == ">" {
				dir = 1
			}
			s := &streams[dir][sock]
			s.bytes = append(s.bytes, decodeTokens(t, w[3:])...)
			s.marks = append(s.marks, [2]int{len(s.bytes), event})
		}
	}
	when := func(s stream, pos int) int {
		for _, m := range s.marks {
			if m[0] >= pos {
				return m[1]
			}
		}
		return 0
	}
	for dir := range streams {
		ctl, data := streams[dir][0], streams[dir][1]
		var pos [2]int
		if dir == 1 {
			// The connect messages are made anew.
			pos[0] = 8
			if c.dual {
				pos[1] = 8
			}
		}
		for pos[0] < len(ctl.bytes) {
			f, ctlEnd, dataEnd, ok := cut(ctl.bytes[pos[0]:], data.bytes[pos[1]:], c.dual)
			if !ok {
				t.Fatalf("%s: a frame is not complete", path)
			}
			pos[0] += ctlEnd
			pos[1] += dataEnd
			at := max(when(ctl, pos[0]), when(data, pos[1]))
			if dataEnd == 0 {
				at = when(ctl, pos[0])
			}
			c.steps = append(c.steps, step{f, dir == 1, at})
		}
		if pos[1] != len(data.bytes) {
			t.Fatalf("%s: %d bytes left over", path, len(data.bytes)-pos[1])
		}
	}
	sort.SliceStable(c.steps, func(i, j int) bool { return c.steps[i].at < c.steps[j].at })
	return c
}
