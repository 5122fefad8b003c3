// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/xio"
)

func sampleHeader() msgHeader {
	a, _ := messenger.ParseEntityAddr("v1:127.0.0.1:6789/4660")
	return msgHeader{
		count: 3, peerType: messenger.EntityOSD, addr: a,
		hdr: messenger.MsgHeader{
			Seq: 0x0102030405060708, Tid: 0x1112131415161718, Type: 0x2122, Priority: 196, Version: 0x3132,
			FrontLen: 0x41, MiddleLen: 0x42, DataLen: 0x43, DataOff: 0x44,
			Src: messenger.EntityName{Type: messenger.EntityOSD, Num: 0x55}, CompatVersion: 0x56, CRC: 0x61626364,
		},
		footer: messenger.MsgFooter{FrontCRC: 0x71, MiddleCRC: 0x72, DataCRC: 0x73, Sig: 0x7475767778797a7b, Flags: 5},
	}
}

// Every field at its offset, as the documents have it.
func TestD4_HeaderLayout(t *testing.T) {
	h := sampleHeader()
	b := h.append(nil)
	require.Len(t, b, 217)
	le := binary.LittleEndian
	require.Equal(t, byte(7), b[0])
	require.Equal(t, uint32(3), le.Uint32(b[1:]))
	require.Equal(t, uint32(4), le.Uint32(b[5:]))
	require.Equal(t, []byte{0, 0, 0, 0, 0x34, 0x12, 0, 0, 0, 2, 0x1a, 0x85, 127, 0, 0, 1}, b[9:25])
	require.Equal(t, make([]byte, 120), b[25:145])
	require.Equal(t, h.hdr.Seq, le.Uint64(b[145:]))
	require.Equal(t, h.hdr.Tid, le.Uint64(b[153:]))
	require.Equal(t, uint16(0x2122), le.Uint16(b[161:]))
	require.Equal(t, uint16(196), le.Uint16(b[163:]))
	require.Equal(t, uint16(0x3132), le.Uint16(b[165:]))
	require.Equal(t, uint32(0x41), le.Uint32(b[167:]))
	require.Equal(t, uint32(0x42), le.Uint32(b[171:]))
	require.Equal(t, uint32(0x43), le.Uint32(b[175:]))
	require.Equal(t, uint16(0x44), le.Uint16(b[179:]))
	require.Equal(t, byte(4), b[181])
	require.Equal(t, uint64(0x55), le.Uint64(b[182:]))
	require.Equal(t, uint16(0x56), le.Uint16(b[190:]))
	require.Equal(t, uint32(0x61626364), le.Uint32(b[192:]))
	require.Equal(t, uint32(0x71), le.Uint32(b[196:]))
	require.Equal(t, uint32(0x72), le.Uint32(b[200:]))
	require.Equal(t, uint32(0x73), le.Uint32(b[204:]))
	require.Equal(t, h.footer.Sig, le.Uint64(b[208:]))
	require.Equal(t, byte(5), b[216])

	var got msgHeader
	require.NoError(t, got.decode(b, true))
	require.Equal(t, h, got)
	require.LessOrEqual(t, headerLen, xio.MaxHeader)
	require.Error(t, got.decode(b[:216], true))
	b[17] = 99 // address family
	require.ErrorIs(t, got.decode(b, true), messenger.ErrBadMessage)
	require.NoError(t, got.decode(b, false))
}

func TestHandshakeRoundTrips(t *testing.T) {
	addr, _ := messenger.ParseEntityAddr("xio:[::1]:7000/9")
	other, _ := messenger.ParseEntityAddr("v1:10.0.0.1:6789/9")
	id := core.Identity{Name: messenger.EntityName{Type: messenger.EntityMDS, Num: -1}, Addr: addr, Addrs: messenger.AddrVec{addr, other}}
	c := &core.Connect{Self: id, Features: 5, GlobalSeq: 6, ConnectSeq: 7, ProtocolVersion: 8, AuthorizerProtocol: 9,
		Authorizer: []byte("auth"), Lossy: true, Acked: 10}
	gotC, err := decodeConnect(encodeConnect(c))
	require.NoError(t, err)
	require.Equal(t, c, gotC)
	r := &core.Reply{Tag: core.TagSeq, Self: id, Seen: other, Features: 1, GlobalSeq: 2, ConnectSeq: 3, ProtocolVersion: 4,
		Authorizer: []byte("proof"), InSeq: 5, Acked: 6}
	gotR, err := decodeReply(encodeReply(r))
	require.NoError(t, err)
	require.Equal(t, r, gotR)
	seq, err := decodeSeq(encodeSeq(77))
	require.NoError(t, err)
	require.Equal(t, uint64(77), seq)
	for n := range encodeConnect(c) {
		_, err := decodeConnect(encodeConnect(c)[:n])
		require.ErrorIs(t, err, messenger.ErrBadHandshake, "cut at %d", n)
	}
	stamp := time.Unix(5, 6)
	require.Equal(t, []byte{14, 5, 0, 0, 0, 6, 0, 0, 0}, appendKeepalive(nil, core.TagKeepalive2, stamp))
}

// The corpora of these in testdata are what messengers said to each other in the cases of
// the suite, one of each kind, and some of that damaged; those begin with "bad".

func FuzzConnect(f *testing.F) {
	f.Add(encodeConnect(&core.Connect{Authorizer: []byte("a")}))
	f.Add([]byte{1, 1, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := decodeConnect(b); err == nil {
			again, err := decodeConnect(encodeConnect(c))
			require.NoError(t, err)
			require.Equal(t, encodeConnect(c), encodeConnect(again))
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add(encodeReply(&core.Reply{Tag: core.TagReady, Authorizer: []byte("a")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeReply(b); err == nil {
			again, err := decodeReply(encodeReply(r))
			require.NoError(t, err)
			require.Equal(t, encodeReply(r), encodeReply(again))
		}
	})
}

func FuzzHeader(f *testing.F) {
	h := sampleHeader()
	f.Add(h.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h msgHeader
		if h.decode(b, true) == nil {
			out := h.append(nil)
			// Bytes of the address that mean nothing come back as zero.
			require.Equal(t, b[1:9], out[1:9])
			require.True(t, bytes.Equal(b[addrEnd:], out[addrEnd:]))
		}
	})
}
