// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"io"
	"net"
	"time"
)

// link is one transport connection between the script and the engine.
type link struct {
	p      *player
	ctl    net.Conn
	data   net.Conn          // nil for single stream
	behind []byte            // data that waits, in control-ahead
	ltid   map[uint32]uint32 // what the engine chose, by what libxio had chosen
}

// write sends bytes in the way of the delivery. Only the edges of megabytes
// go byte by byte: there the decisions are.
func (l *link) write(c net.Conn, b []byte) {
	l.p.t.Helper()
	const edge = 256
	for len(b) > 0 {
		n := len(b)
		if l.p.how.bytewise {
			n = 1
			if len(b) > 4*edge {
				n = 0
				for range edge {
					l.write(c, b[:1])
					b = b[1:]
				}
				for len(b) > 2*edge {
					k := min(len(b)-edge, 65521)
					if _, err := c.Write(b[:k]); err != nil {
						l.p.failf("write: %v", err)
					}
					b = b[k:]
				}
				continue
			}
		}
		if _, err := c.Write(b[:n]); err != nil {
			l.p.failf("write: %v", err)
		}
		b = b[n:]
	}
}

// send writes one frame to the engine.
func (l *link) send(f frame) {
	l.p.t.Helper()
	data := l.data
	if data == nil {
		data = l.ctl
	}
	if l.p.how.dataFirst && l.data != nil {
		l.write(data, f.data)
		l.write(l.ctl, f.ctl)
		return
	}
	l.write(l.ctl, f.ctl)
	if l.p.how.ctlAhead && isApp(f.typ()) {
		l.behind = append(l.behind, f.data...)
		return
	}
	l.write(data, append(l.behind, f.data...))
	l.behind = nil
}

// catchUp sends data that was held back.
func (l *link) catchUp() {
	l.p.t.Helper()
	if len(l.behind) > 0 {
		l.write(l.data, l.behind)
		l.behind = nil
	}
}

// read takes one frame of the engine off the sockets.
func (l *link) read() frame {
	l.p.t.Helper()
	ctl := make([]byte, tlvLen)
	if _, err := io.ReadFull(l.ctl, ctl); err != nil {
		l.p.failf("reading a frame of the engine: %v", err)
	}
	if be.Uint32(ctl) != magic || be.Uint64(ctl[offLen:]) > 9216-tlvLen {
		l.p.failf("the engine sent no frame: % x", ctl)
	}
	ctl = append(ctl, make([]byte, be.Uint64(ctl[offLen:]))...)
	if _, err := io.ReadFull(l.ctl, ctl[tlvLen:]); err != nil {
		l.p.failf("reading a frame of the engine: %v", err)
	}
	c := l.data
	if c == nil {
		c = l.ctl
	}
	data := make([]byte, dataLen(ctl, l.data != nil))
	if _, err := io.ReadFull(c, data); err != nil {
		l.p.failf("reading %d data bytes of the engine: %v", len(data), err)
	}
	return frame{ctl, data}
}

func (l *link) close() {
	l.ctl.Close()
	if l.data != nil {
		l.data.Close()
	}
}

func localPort(c net.Conn) uint16  { return uint16(c.LocalAddr().(*net.TCPAddr).Port) }
func remotePort(c net.Conn) uint16 { return uint16(c.RemoteAddr().(*net.TCPAddr).Port) }

func connectMessage(kind uint32, port uint16) []byte {
	b := be.AppendUint32(nil, kind)
	b = be.AppendUint16(b, port)
	return append(b, 0, 0)
}

// dial connects to the engine with the connect messages of the mode.
func (l *link) dial(port string) {
	l.p.t.Helper()
	dial := func() net.Conn {
		c, err := net.Dial("tcp4", "127.0.0.1:"+port)
		if err != nil {
			l.p.failf("dial: %v", err)
		}
		c.SetDeadline(time.Now().Add(peerPatience))
		l.p.t.Cleanup(func() { c.Close() })
		return c
	}
	l.ctl = dial()
	if !l.p.conv.dual {
		l.write(l.ctl, connectMessage(1, 0))
		return
	}
	l.data = dial()
	first := func() { l.write(l.ctl, connectMessage(2, localPort(l.data))) }
	second := func() { l.write(l.data, connectMessage(3, localPort(l.ctl))) }
	if l.p.how.dataFirst {
		first, second = second, first
	}
	first()
	second()
}

// accept takes the sockets of the engine and checks how it opens them.
func (l *link) accept(from *net.TCPListener) {
	l.p.t.Helper()
	from.SetDeadline(time.Now().Add(peerPatience))
	dual := l.p.conv.dual
	want := 1
	if dual {
		want = 2
	}
	second := make(map[net.Conn]uint16)
	for range want {
		c, err := from.Accept()
		if err != nil {
			l.p.failf("accept: %v", err)
		}
		c.SetDeadline(time.Now().Add(peerPatience))
		l.p.t.Cleanup(func() { c.Close() })
		b := make([]byte, 8)
		if _, err := io.ReadFull(c, b); err != nil {
			l.p.failf("reading a connect message: %v", err)
		}
		second[c] = be.Uint16(b[4:])
		if b[6] != 0 || b[7] != 0 {
			l.p.failf("pad of a connect message: % x", b)
		}
		switch kind := be.Uint32(b); {
		case kind == 1 && !dual && second[c] == 0, kind == 2 && dual && l.ctl == nil:
			l.ctl = c
		case kind == 3 && dual && l.data == nil:
			l.data = c
		default:
			l.p.failf("connect message % x", b)
		}
	}
	if dual && (second[l.ctl] != remotePort(l.data) || second[l.data] != remotePort(l.ctl)) {
		l.p.failf("second ports %v of %v and %v", second, l.ctl.RemoteAddr(), l.data.RemoteAddr())
	}
}

// patch turns a recorded frame of the script's side into one for the engine
// at hand: it names the engine's ids and the ports of today.
func (l *link) patch(f frame) frame {
	l.p.t.Helper()
	f = mapURIs(f, l.p.today).clone()
	typ := f.typ()
	if isNexus(typ) {
		return f
	}
	if typ != sessionSetupReq {
		if id, ok := l.p.session[be.Uint32(f.ctl[offDst:])]; ok {
			be.PutUint32(f.ctl[offDst:], id)
		}
	}
	if isRequest(typ) {
		return f
	}
	live, ok := l.ltid[f.rtid()]
	if !ok {
		l.p.failf("the capture answers a request that is not in it: %v", f)
	}
	be.PutUint32(f.ctl[offRtid:], live)
	return f
}

// note remembers the ids that the engine chose.
func (l *link) note(want, got frame) {
	if isNexus(want.typ()) {
		return
	}
	if isRequest(want.typ()) {
		l.ltid[want.ltid()] = got.ltid()
	}
	if want.typ() == sessionSetupReq || want.typ() == sessionSetupRsp {
		l.p.session[be.Uint32(want.payload())] = be.Uint32(got.payload())
	}
}
