// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

func addr(t testing.TB, s string) messenger.EntityAddr {
	t.Helper()
	a, err := messenger.ParseEntityAddr(s)
	require.NoError(t, err)
	return a
}

func TestHello(t *testing.T) {
	a := AcceptorHello{addr(t, "127.0.0.1:6789/4660"), addr(t, "[::1]:50000/0")}
	b := a.Append(nil)
	require.Len(t, b, AcceptorHelloLen)
	require.Len(t, b, 281)
	require.Equal(t, "ceph v027", string(b[:9]))
	require.Equal(t, fromHex(t, "00000000 34120000 0002 1a85 7f000001"), b[9:25])
	var a2 AcceptorHello
	require.NoError(t, a2.Decode(b))
	require.Equal(t, a, a2)

	c := ConnectorHello{addr(t, "10.0.0.1:0/17")}
	b = c.Append(nil)
	require.Len(t, b, ConnectorHelloLen)
	var c2 ConnectorHello
	require.NoError(t, c2.Decode(b))
	require.Equal(t, c, c2)

	for n := range b {
		require.ErrorIs(t, c2.Decode(b[:n]), messenger.ErrBadHandshake)
	}
	require.ErrorIs(t, c2.Decode(append(b, 0)), messenger.ErrBadHandshake)
	b[9] = 1 // a type where there is none
	require.ErrorIs(t, c2.Decode(b), messenger.ErrBadHandshake)
}

func TestBanner(t *testing.T) {
	for n := range len(Banner) + 1 {
		require.NoError(t, CheckBanner([]byte(Banner)[:n]))
	}
	for i := range Banner {
		b := []byte(Banner)
		b[i] ^= 1
		require.ErrorIs(t, CheckBanner(b[:i+1]), messenger.ErrBadHandshake)
	}
	require.ErrorContains(t, CheckBanner([]byte("ceph v2\n\x10\x00")), "speaks msgr v2")
}

func TestConnect(t *testing.T) {
	c := Connect{
		Features: messenger.DefaultFeatures, HostType: messenger.EntityClient, GlobalSeq: 3,
		ConnectSeq: 2, ProtoVersion: 15, AuthProtocol: messenger.AuthProtocolCephx, AuthorizerLen: 158, Lossy: true,
	}
	b := c.Append(nil)
	require.Equal(t, fromHex(t, "fffffdffbdcf013f 08000000 03000000 02000000 0f000000 02000000 9e000000 01"), b)
	var c2 Connect
	require.NoError(t, c2.Decode(b))
	require.Equal(t, c, c2)
	for n := range b {
		require.ErrorIs(t, c2.Decode(b[:n]), messenger.ErrBadHandshake)
	}
	c.AuthorizerLen = MaxAuthorizer + 1
	require.ErrorIs(t, c2.Decode(c.Append(nil)), messenger.ErrBadHandshake)
}

func TestConnectReply(t *testing.T) {
	// What a real monitor answered.
	b := fromHex(t, "0d fffffdffbdcf013f 03000000 01000000 0f000000 00000000 01")
	var r ConnectReply
	require.NoError(t, r.Decode(b))
	require.Equal(t, ConnectReply{
		Tag: TagSeq, Features: messenger.DefaultFeatures, GlobalSeq: 3, ConnectSeq: 1, ProtoVersion: 15, Lossy: true,
	}, r)
	require.Equal(t, b, r.Append(nil))
	for n := range b {
		require.ErrorIs(t, r.Decode(b[:n]), messenger.ErrBadHandshake)
	}
	r.AuthorizerLen = MaxAuthorizerReply + 1
	require.ErrorIs(t, r.Decode(r.Append(nil)), messenger.ErrBadHandshake)
}

func TestFrames(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		want Frame
	}{
		"ack":           {AppendAck(nil, 1<<40+5), Frame{Tag: TagAck, Seq: 1<<40 + 5}},
		"keepalive":     {[]byte{9}, Frame{Tag: TagKeepalive}},
		"keepalive2":    {AppendKeepalive2(nil, Stamp{7, 9}), Frame{Tag: TagKeepalive2, Stamp: Stamp{7, 9}}},
		"keepalive2ack": {AppendKeepalive2Ack(nil, Stamp{7, 9}), Frame{Tag: TagKeepalive2Ack, Stamp: Stamp{7, 9}}},
		"close":         {[]byte{6}, Frame{Tag: TagClose}},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := DecodeFrame(Tag(c.b[0]), c.b[1:])
			require.NoError(t, err)
			require.Equal(t, c.want, f)
			require.Equal(t, f.Tag.Body(), len(c.b)-1)
			if len(c.b) > 1 {
				_, err = DecodeFrame(Tag(c.b[0]), c.b[1:len(c.b)-1])
				require.ErrorIs(t, err, messenger.ErrBadMessage)
			}
		})
	}
	for t8 := range 256 {
		tag := Tag(t8)
		_, err := DecodeFrame(tag, make([]byte, tag.Body()))
		require.Equal(t, tag.InStream(), err == nil, "%v", tag)
		require.NotEmpty(t, tag.String())
	}
}

// The first message of a client, as a real monitor takes it.
const (
	authHeader = "0100000000000000 0000000000000000 1100 7f00 0100 3c000000 00000000 00000000 0000 08 ffffffffffffffff 0100 0000"
	authFront  = "0000000000000000 ffff 0000000000000000 00000000 1e000000 01 01000000 01000000 08000000 05000000 61646d696e 0000000000000000 00000000"
)

func TestMessage(t *testing.T) {
	front := fromHex(t, authFront)
	h := messenger.MsgHeader{
		Seq: 1, Type: 17, Priority: messenger.PriorityDefault, Version: 1, CompatVersion: 1,
		Src: messenger.EntityName{Type: messenger.EntityClient, Num: messenger.UnknownNum},
	}
	i := &Integrity{HeaderCRC: true, DataCRC: true}
	f := i.Seal(&h, &Sections{Front: front})
	require.EqualValues(t, 0xe2ab4b69, h.CRC)
	require.EqualValues(t, 0x35a7635b, f.FrontCRC)
	require.Equal(t, fromHex(t, authHeader), h.Append(nil)[:messenger.MsgHeaderLen-4])
	require.Equal(t, messenger.FooterComplete, f.Flags)
	require.NoError(t, i.CheckHeader(&h))
	require.NoError(t, i.Check(&h, &Sections{Front: front}, &f))
}

// Every bit of a message is guarded by a sum, and by the signature if there is one.
func TestChangedMessage(t *testing.T) {
	sign := func(covered *[8]uint32) (sum uint64) {
		for _, v := range covered {
			sum = sum*31 + uint64(v) + 1
		}
		return sum
	}
	for name, i := range map[string]*Integrity{
		"long":   {HeaderCRC: true, DataCRC: true, Features: messenger.FeatureMsgAuth},
		"short":  {HeaderCRC: true, DataCRC: true},
		"signed": {HeaderCRC: true, DataCRC: true, Features: messenger.FeatureMsgAuth, Sign: sign},
	} {
		t.Run(name, func(t *testing.T) {
			s := Sections{Front: []byte("front"), Middle: []byte("mid"), Data: [][]byte{[]byte("da"), []byte("ta")}}
			h := messenger.MsgHeader{Seq: 7, Type: 2, Version: 1, CompatVersion: 1}
			var out bytes.Buffer
			require.NoError(t, (&Wire{conn: writeTo{b: &out}}).WriteMessage(&h, &s, i))
			good := out.Bytes()
			got, err := readOne(good, i)
			require.NoError(t, err)
			require.Equal(t, Sections{Front: s.Front, Middle: s.Middle, Data: [][]byte{[]byte("data")}}, got)
			for n := range good {
				_, err := readOne(good[:n], i)
				require.Error(t, err, "cut at %d", n)
			}
			for at := range 8 * len(good) {
				bad := bytes.Clone(good)
				bad[at/8] ^= 1 << (at % 8)
				_, err := readOne(bad, i)
				footer := at/8 - (len(good) - messenger.FooterLen(i.Features))
				// Flags nobody knows, and the signature's room where nobody signs.
				free := footer >= 12 && i.Sign == nil && at/8 < len(good)-1 || at/8 == len(good)-1 && at%8 != 0
				if i.Sign != nil && at/8 == len(good)-1 && at%8 == 2 {
					free = false
				}
				require.Equal(t, free, err == nil, "bit %d of byte %d of %d: %v", at%8, at/8, len(good), err)
			}
		})
	}
}

func TestSumsOff(t *testing.T) {
	i := &Integrity{}
	s := Sections{Front: []byte("front"), Data: [][]byte{[]byte("data")}}
	h := messenger.MsgHeader{Seq: 7, Type: 2, CRC: 99}
	f := i.Seal(&h, &s)
	require.Equal(t, messenger.MsgFooter{Flags: messenger.FooterComplete | messenger.FooterNoCRC}, f)
	require.EqualValues(t, 99, h.CRC)
	require.NoError(t, i.CheckHeader(&h))
	require.NoError(t, i.Check(&h, &s, &f))
	strict := &Integrity{HeaderCRC: true, DataCRC: true}
	require.ErrorIs(t, strict.Check(&h, &s, &f), messenger.ErrBadCRC)
	s.Front = nil
	require.NoError(t, strict.Check(&h, &s, &f), "the data has no sum")
	require.ErrorIs(t, Acceptable(&h, 8), messenger.ErrBadMessage)
	require.NoError(t, Acceptable(&h, 9))
}
