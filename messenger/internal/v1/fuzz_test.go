// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

// What can be decoded is encoded as it was, but for bytes that have no meaning.

func FuzzHello(f *testing.F) {
	f.Add((&AcceptorHello{addr(f, "127.0.0.1:6789/1"), addr(f, "[fe80::1%3]:1/2")}).Append(nil))
	f.Add((&ConnectorHello{addr(f, "127.0.0.1:6789/1")}).Append(nil))
	f.Add([]byte("ceph v2\n\x10\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a, a2 AcceptorHello
		if a.Decode(b) == nil {
			require.NoError(t, a2.Decode(a.Append(nil)))
			require.Equal(t, a.Append(nil), a2.Append(nil))
		}
		var c, c2 ConnectorHello
		if c.Decode(b) == nil {
			require.NoError(t, c2.Decode(c.Append(nil)))
			require.Equal(t, c.Append(nil), c2.Append(nil))
		}
	})
}

func FuzzConnect(f *testing.F) {
	f.Add((&Connect{Features: 1, HostType: 8, AuthorizerLen: 3, Lossy: true}).Append(nil), []byte("abc"))
	f.Add((&ConnectReply{Tag: TagSeq, Features: 1, AuthorizerLen: 2}).Append(nil), []byte("ab"))
	f.Fuzz(func(t *testing.T, b, rest []byte) {
		var c Connect
		if c.Decode(b) == nil {
			require.Equal(t, b[:ConnectLen-1], c.Append(nil)[:ConnectLen-1])
			require.LessOrEqual(t, c.AuthorizerLen, uint32(MaxAuthorizer))
		}
		var r ConnectReply
		if r.Decode(b) == nil {
			require.Equal(t, b[:ConnectReplyLen-1], r.Append(nil)[:ConnectReplyLen-1])
			require.LessOrEqual(t, r.AuthorizerLen, uint32(MaxAuthorizerReply))
		}
		all := append(bytes.Clone(b), rest...)
		if c, authorizer, err := reader(all).ReadConnect(); err == nil {
			require.Len(t, authorizer, int(c.AuthorizerLen))
		}
		if r, authorizer, err := reader(all).ReadReply(); err == nil {
			require.Len(t, authorizer, int(r.AuthorizerLen))
		}
	})
}

// FuzzStream reads frames until something is wrong; what went through is written again
// byte for byte.
func FuzzStream(f *testing.F) {
	sign := func(covered *[8]uint32) uint64 { return uint64(covered[0])<<32 | uint64(covered[7]) }
	modes := []*Integrity{
		{HeaderCRC: true, DataCRC: true, Features: messenger.FeatureMsgAuth, Sign: sign},
		{HeaderCRC: true, DataCRC: true},
		{Features: messenger.FeatureMsgAuth},
	}
	for mode, i := range modes {
		var out bytes.Buffer
		w := &Wire{conn: writeTo{b: &out}}
		h := messenger.MsgHeader{Seq: 1, Type: 2, Version: 1, CompatVersion: 1}
		require.NoError(f, w.WriteMessage(&h, &Sections{Front: []byte("f"), Data: [][]byte{[]byte("data")}}, i))
		b := AppendAck(out.Bytes(), 1)
		b = AppendKeepalive2Ack(AppendKeepalive2(append(b, uint8(TagKeepalive)), Stamp{1, 2}), Stamp{3, 4})
		f.Add(uint8(mode), append(b, uint8(TagClose)))
	}
	f.Fuzz(func(t *testing.T, mode uint8, b []byte) {
		i := modes[int(mode)%len(modes)]
		r := reader(b)
		var out bytes.Buffer
		w := &Wire{conn: writeTo{b: &out}}
		for {
			frame, err := r.ReadFrame()
			if err != nil {
				break
			}
			switch frame.Tag {
			case TagAck:
				require.NoError(t, w.Write(AppendAck(nil, frame.Seq)))
			case TagKeepalive2:
				require.NoError(t, w.Write(AppendKeepalive2(nil, frame.Stamp)))
			case TagKeepalive2Ack:
				require.NoError(t, w.Write(AppendKeepalive2Ack(nil, frame.Stamp)))
			case TagKeepalive, TagClose:
				require.NoError(t, w.Write([]byte{uint8(frame.Tag)}))
			case TagMsg:
				if i.CheckHeader(&frame.Header) != nil || Acceptable(&frame.Header, testMaxMessage) != nil {
					return
				}
				s, footer, err := r.ReadMessage(&frame.Header, i)
				if err != nil {
					return
				}
				if !i.HeaderCRC || footer.Flags != i.Seal(&frame.Header, &s).Flags {
					return // sums and flags that nobody looks at
				}
				require.NoError(t, w.WriteMessage(&frame.Header, &s, i))
			}
		}
		require.Equal(t, string(b[:out.Len()]), out.String())
	})
}
