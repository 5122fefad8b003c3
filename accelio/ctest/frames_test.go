// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
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
	cancelReq       = 0x802
	cancelRsp       = 0x804
	kaReq           = 0x4002
	kaRsp           = 0x4004

	// What engines of our kind mark nexus setup with; see frame.h.
	kinRequest  = 0x9D5AE3C7
	kinResponse = 0xB61F84D9

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

// mapURIs is the frame with each URI, portal or target of a setup payload
// changed, and the lengths with them. Other frames stay as they are.
func mapURIs(f frame, change func(string) string) frame {
	typ := f.typ()
	if typ != sessionSetupReq && typ != sessionSetupRsp || len(f.ctl) < prefixLen {
		return f
	}
	p := f.payload()
	var out []byte
	switch {
	case typ == sessionSetupReq && len(p) >= 28:
		end := 28 + int(be.Uint16(p[24:]))
		if end > len(p) {
			return f
		}
		uri := change(string(p[28:end]))
		out = append(bytes.Clone(p[:28]), uri...)
		be.PutUint16(out[24:], uint16(len(uri)))
		out = append(out, p[end:]...)
	case typ == sessionSetupRsp && len(p) >= 30 && be.Uint16(p[4:]) == 1:
		out = mapTexts(p, 30, int(be.Uint16(p[26:])), change)
	case typ == sessionSetupRsp && len(p) >= 10 && be.Uint16(p[4:]) == 2:
		out = mapTexts(p, 10, int(be.Uint16(p[6:])), change)
	}
	if out == nil {
		return f
	}
	g := frame{ctl: bytes.Clone(f.ctl), data: out}
	if len(f.data) == 0 {
		g = frame{ctl: append(g.ctl[:prefixLen], out...)}
		be.PutUint64(g.ctl[offLen:], uint64(len(g.ctl)-tlvLen))
	}
	be.PutUint16(g.ctl[offUlpHdr:], uint16(len(out)))
	return g
}

// mapTexts is p with nr texts changed that begin at pos, each behind its
// length; nil when they are not all there.
func mapTexts(p []byte, pos, nr int, change func(string) string) []byte {
	out := bytes.Clone(p[:pos])
	for range nr {
		if pos+2 > len(p) {
			return nil
		}
		end := pos + 2 + int(be.Uint16(p[pos:]))
		if end > len(p) {
			return nil
		}
		text := change(string(p[pos+2 : end]))
		out = be.AppendUint16(out, uint16(len(text)))
		out = append(out, text...)
		pos = end
	}
	return append(out, p[pos:]...)
}

// splitPort is a URI without a resource, in front of its port and the port.
func splitPort(uri string) (head, port string) {
	i := strings.LastIndexByte(uri, ':') + 1
	return uri[:i], uri[i:]
}

// step is one frame of a captured conversation.
type step struct {
	frame
	link     int // number of its transport connection, from 0
	toServer bool
	at       int // number of the event that completed it
}

// conversation is a golden capture.
type conversation struct {
	dual  bool
	steps []step   // in time order
	links []string // the server's port of each transport connection
	ports []string // all that are named, the first one's first
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

// stream is what one socket carried in one direction.
type stream struct {
	bytes []byte
	marks [][2]int // length after event number
}

func (s *stream) add(b []byte, event int) {
	s.bytes = append(s.bytes, b...)
	s.marks = append(s.marks, [2]int{len(s.bytes), event})
}

// when is the event that brought the last byte before pos.
func (s *stream) when(pos int) int {
	for _, m := range s.marks {
		if m[0] >= pos {
			return m[1]
		}
	}
	return 0
}

var socketName = regexp.MustCompile(`^c([1-9])\.(one|ctl|data)$`)

// readCapture reads a capture.
func readCapture(t *testing.T, path string) conversation {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := conversation{}
	var streams [][2][2]stream // of each link: to client/server; control or only/data
	event := 0
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line)
		if len(w) == 0 || strings.HasPrefix(w[0], "#") {
			continue
		}
		event++
		m := socketName.FindStringSubmatch(w[1])
		if m == nil {
			t.Fatalf("%s: socket %q", path, w[1])
		}
		link, sock := int(m[1][0]-'1'), 0
		if m[2] == "data" {
			sock = 1
			c.dual = true
		}
		if link == len(streams) && w[2] == "open" {
			streams = append(streams, [2][2]stream{})
			c.links = append(c.links, strings.TrimPrefix(w[4], "peer="))
		}
		if link >= len(streams) {
			t.Fatalf("%s: %s is not open", path, w[1])
		}
		switch w[2] {
		case ">":
			streams[link][1][sock].add(decodeTokens(t, w[3:]), event)
		case "<":
			streams[link][0][sock].add(decodeTokens(t, w[3:]), event)
		}
	}
	for link := range streams {
		for dir := range streams[link] {
			c.cutStream(t, path, link, dir == 1, &streams[link][dir][0], &streams[link][dir][1])
		}
	}
	sort.SliceStable(c.steps, func(i, j int) bool { return c.steps[i].at < c.steps[j].at })
	for _, s := range c.steps {
		mapURIs(s.frame, func(uri string) string {
			if _, port := splitPort(uri); !slices.Contains(c.ports, port) {
				c.ports = append(c.ports, port)
			}
			return uri
		})
	}
	if len(c.ports) == 0 || c.ports[0] != c.links[0] {
		t.Fatalf("%s: names the ports %v, the first link goes to %v", path, c.ports, c.links)
	}
	return c
}

// cutStream appends the frames of one direction of a link.
func (c *conversation) cutStream(t *testing.T, path string, link int, toServer bool, ctl, data *stream) {
	t.Helper()
	var pos [2]int
	if toServer {
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
		at := ctl.when(pos[0])
		if dataEnd > 0 {
			at = max(at, data.when(pos[1]))
		}
		c.steps = append(c.steps, step{f, link, toServer, at})
	}
	if pos[1] != len(data.bytes) {
		t.Fatalf("%s: %d bytes left over", path, len(data.bytes)-pos[1])
	}
}

// TestMapURIs renames ports to longer and shorter ones, as the ports of a run
// may be.
func TestMapURIs(t *testing.T) {
	renamed := 0
	for _, file := range captures(t) {
		c := readCapture(t, file)
		for _, s := range c.steps {
			for _, port := range []string{"8", "4096", "123456789"} {
				g := mapURIs(s.frame, func(uri string) string {
					renamed++
					head, old := splitPort(uri)
					return head + port + "#" + old
				})
				ctl, data := g.ctl, g.data
				if !c.dual {
					ctl, data = slices.Concat(ctl, data), nil
				}
				if _, i, j, ok := cut(ctl, data, c.dual); !ok || i != len(ctl) || j != len(data) {
					t.Fatalf("%s: %v became %v", file, s.frame, g)
				}
				g = mapURIs(g, func(uri string) string {
					head, old := splitPort(uri)
					return head + strings.TrimPrefix(old, port+"#")
				})
				if !bytes.Equal(g.ctl, s.ctl) || !bytes.Equal(g.data, s.data) {
					t.Fatalf("%s: %v came back as %v", file, s.frame, g)
				}
			}
		}
	}
	if renamed < 3*25 {
		t.Fatalf("%d texts in all captures", renamed)
	}
}
