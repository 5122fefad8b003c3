// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
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
	a := acceptorHello{addr(t, "127.0.0.1:6789/4660"), addr(t, "[::1]:50000/0")}
	b := a.append(nil)
	require.Len(t, b, 281)
	require.Equal(t, "ceph v027", string(b[:9]))
	require.Equal(t, fromHex(t, "00000000 34120000 0002 1a85 7f000001"), b[9:25])
	var a2 acceptorHello
	require.NoError(t, a2.decode(b))
	require.Equal(t, a, a2)

	c := connectorHello{addr(t, "10.0.0.1:0/17")}
	b = c.append(nil)
	require.Len(t, b, connectorHelloLen)
	var c2 connectorHello
	require.NoError(t, c2.decode(b))
	require.Equal(t, c, c2)

	for n := range b {
		require.ErrorIs(t, c2.decode(b[:n]), messenger.ErrBadHandshake)
	}
	require.ErrorIs(t, c2.decode(append(b, 0)), messenger.ErrBadHandshake)
	b[9] = 1 // a type where there is none
	require.ErrorIs(t, c2.decode(b), messenger.ErrBadHandshake)
}

func TestBanner(t *testing.T) {
	require.NoError(t, checkBanner([]byte(banner)))
	for i := range banner {
		b := []byte(banner)
		b[i] ^= 1
		require.ErrorIs(t, checkBanner(b), messenger.ErrBadHandshake)
		require.ErrorIs(t, checkBanner(b[:i]), messenger.ErrBadHandshake)
	}
	require.ErrorContains(t, checkBanner([]byte("ceph v2\n\x10\x00")), "speaks msgr v2")
}

func TestConnect(t *testing.T) {
	c := core.Connect{
		Features: messenger.DefaultFeatures, GlobalSeq: 3, ConnectSeq: 2, ProtocolVersion: 15,
		Self:               core.Identity{Name: messenger.EntityName{Type: messenger.EntityClient, Num: messenger.UnknownNum}},
		AuthorizerProtocol: messenger.AuthProtocolCephx, Authorizer: make([]byte, 158), Lossy: true,
	}
	b := appendConnect(nil, &c)
	require.Len(t, b, connectLen+158)
	require.Equal(t, fromHex(t, "fffffdffbdcf013f 08000000 03000000 02000000 0f000000 02000000 9e000000 01"), b[:connectLen])
	c2, n, err := decodeConnect(b[:connectLen])
	require.NoError(t, err)
	require.Equal(t, 158, n)
	c.Authorizer = nil
	require.Equal(t, c, c2)
	for n := range connectLen {
		_, _, err := decodeConnect(b[:n])
		require.ErrorIs(t, err, messenger.ErrBadHandshake)
	}
	c.Authorizer = make([]byte, maxAuthorizer+1)
	_, _, err = decodeConnect(appendConnect(nil, &c)[:connectLen])
	require.ErrorIs(t, err, messenger.ErrBadHandshake)
}

func TestReply(t *testing.T) {
	// What a real monitor answered.
	b := fromHex(t, "0d fffffdffbdcf013f 03000000 01000000 0f000000 00000000 01")
	r, n, err := decodeReply(b)
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, core.Reply{
		Tag: core.TagSeq, Features: messenger.DefaultFeatures, GlobalSeq: 3, ConnectSeq: 1, ProtocolVersion: 15, Lossy: true,
	}, r)
	r.InSeq = 5
	require.Equal(t, append(bytes.Clone(b), 5, 0, 0, 0, 0, 0, 0, 0), appendReply(nil, &r))
	for n := range b {
		_, _, err := decodeReply(b[:n])
		require.ErrorIs(t, err, messenger.ErrBadHandshake)
	}
	r = core.Reply{Tag: core.TagReady, Authorizer: make([]byte, maxAuthorizerReply)}
	b = appendReply(nil, &r)
	_, n, err = decodeReply(b[:replyLen])
	require.NoError(t, err)
	require.Equal(t, len(b)-replyLen, n)
	r.Authorizer = make([]byte, maxAuthorizerReply+1)
	_, _, err = decodeReply(appendReply(nil, &r)[:replyLen])
	require.ErrorIs(t, err, messenger.ErrBadHandshake)
}

func TestFrames(t *testing.T) {
	stamp := time.Unix(7, 9)
	for name, c := range map[string]struct {
		b    []byte
		want frame
	}{
		"ack":            {appendAck(nil, 1<<40+5), frame{tag: core.TagAck, seq: 1<<40 + 5}},
		"keepalive":      {[]byte{9}, frame{tag: core.TagKeepalive}},
		"keepalive2":     {appendStamp(nil, core.TagKeepalive2, stamp), frame{tag: core.TagKeepalive2, stamp: stamp}},
		"keepalive2 ack": {appendStamp(nil, core.TagKeepalive2Ack, stamp), frame{tag: core.TagKeepalive2Ack, stamp: stamp}},
		"close":          {[]byte{6}, frame{tag: core.TagClose}},
	} {
		t.Run(name, func(t *testing.T) {
			r := bytes.NewReader(c.b)
			f, err := readFrame(r)
			require.NoError(t, err)
			require.Equal(t, c.want, f)
			require.Zero(t, r.Len())
			if len(c.b) > 1 {
				_, err = readFrame(bytes.NewReader(c.b[:len(c.b)-1]))
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			}
		})
	}
	_, err := readFrame(bytes.NewReader(nil))
	require.ErrorIs(t, err, io.EOF)
	known := map[byte]bool{6: true, 7: true, 8: true, 9: true, 14: true, 15: true}
	for tag := range 256 {
		_, err := readFrame(bytes.NewReader(append([]byte{byte(tag)}, make([]byte, messenger.MsgHeaderLen)...)))
		require.Equal(t, known[byte(tag)], err == nil, "tag %d", tag)
	}
}

// The first message of a client, as a real monitor takes it.
const (
	authHeader = "0100000000000000 0000000000000000 1100 7f00 0100 3c000000 00000000 00000000 0000 08 ffffffffffffffff 0100 0000 694babe2"
	authFront  = "0000000000000000 ffff 0000000000000000 00000000 1e000000 01 01000000 01000000 08000000 05000000 61646d696e 0000000000000000 00000000"
)

func authFrame(t testing.TB) *core.Frame {
	front := fromHex(t, authFront)
	f := &core.Frame{
		Header: messenger.MsgHeader{
			Seq: 1, Type: 17, Priority: messenger.PriorityDefault, Version: 1, CompatVersion: 1,
			Src: messenger.EntityName{Type: messenger.EntityClient, Num: messenger.UnknownNum}, FrontLen: uint32(len(front)),
		},
		Footer: messenger.MsgFooter{Flags: messenger.FooterComplete, FrontCRC: messenger.CRC32C(0, front), Sig: 0x0102},
		Front:  front,
	}
	f.Header.CRC = f.Header.Sum(nil)
	return f
}

func TestMessage(t *testing.T) {
	f := authFrame(t)
	for _, session := range []messenger.Features{0, messenger.FeatureMsgAuth} {
		footer := "5b63a735 00000000 00000000"
		if session != 0 {
			footer += "0201000000000000"
		}
		want := fromHex(t, "07"+authHeader+authFront+footer+"01")
		require.Equal(t, want, bytes.Join(appendFrame(nil, f, session), nil))

		r := bytes.NewReader(want)
		got, err := readFrame(r)
		require.NoError(t, err)
		require.Equal(t, frame{tag: core.TagMsg, header: f.Header}, got)
		require.Equal(t, got.header.Sum(nil), got.header.CRC)
		in, err := readBody(r, &got.header, session)
		require.NoError(t, err)
		require.Zero(t, r.Len())
		require.Equal(t, f.Front, in.Front)
		require.Equal(t, f.Footer.FrontCRC, in.Footer.FrontCRC)
		for n := range len(want) - 1 - messenger.MsgHeaderLen {
			_, err := readBody(bytes.NewReader(want[1+messenger.MsgHeaderLen:][:n]), &got.header, session)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at %d", n)
		}
	}
}

func TestMessageOfAllSections(t *testing.T) {
	f := &core.Frame{
		Header: messenger.MsgHeader{Seq: 7, Type: 2, FrontLen: 5, MiddleLen: 3, DataLen: 4},
		Front:  []byte("front"), Middle: []byte("mid"),
		Data: []messenger.Buffer{messenger.BytesBuffer("da"), messenger.BytesBuffer(""), messenger.BytesBuffer("ta")},
	}
	r := bytes.NewReader(bytes.Join(appendFrame(nil, f, messenger.FeatureMsgAuth), nil))
	got, err := readFrame(r)
	require.NoError(t, err)
	in, err := readBody(r, &got.header, messenger.FeatureMsgAuth)
	require.NoError(t, err)
	require.Zero(t, r.Len())
	require.Equal(t, "front", string(in.Front))
	require.Equal(t, "mid", string(in.Middle))
	require.Equal(t, []messenger.Buffer{messenger.BytesBuffer("data")}, in.Data)
}
