// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
)

// What can be decoded is encoded as it was, but for bytes that have no meaning.

func FuzzHello(f *testing.F) {
	f.Add((&acceptorHello{addr(f, "127.0.0.1:6789/1"), addr(f, "[fe80::1%3]:1/2")}).append(nil))
	f.Add((&connectorHello{addr(f, "127.0.0.1:6789/1")}).append(nil))
	f.Add([]byte("ceph v2\n\x10\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a, a2 acceptorHello
		if a.decode(b) == nil {
			require.NoError(t, a2.decode(a.append(nil)))
			require.Equal(t, a.append(nil), a2.append(nil))
		}
		var c, c2 connectorHello
		if c.decode(b) == nil {
			require.NoError(t, c2.decode(c.append(nil)))
			require.Equal(t, c.append(nil), c2.append(nil))
		}
	})
}

func FuzzConnect(f *testing.F) {
	f.Add(appendConnect(nil, &core.Connect{Features: 1, Lossy: true, Authorizer: []byte("abc")}))
	f.Add(appendReply(nil, &core.Reply{Tag: core.TagSeq, Features: 1, InSeq: 7, Authorizer: []byte("ab")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= connectLen {
			if c, n, err := decodeConnect(b[:connectLen]); err == nil && n <= len(b)-connectLen {
				c.Authorizer = b[connectLen:][:n]
				again := appendConnect(nil, &c)
				again[connectLen-1] = b[connectLen-1] // flags that nobody knows
				require.Equal(t, b[:connectLen+n], again)
			}
		}
		if len(b) >= replyLen {
			if r, n, err := decodeReply(b[:replyLen]); err == nil && n <= len(b)-replyLen {
				r.Authorizer = b[replyLen:][:n]
				again := appendReply(nil, &r)[:replyLen+n]
				again[replyLen-1] = b[replyLen-1]
				require.Equal(t, b[:replyLen+n], again)
			}
		}
	})
}

// fuzzMaxMessage bounds what a header may announce to the fuzz test.
const fuzzMaxMessage = 1 << 16

// FuzzStream reads frames until something is wrong; what went through is written again
// byte for byte.
func FuzzStream(f *testing.F) {
	for _, long := range []bool{false, true} {
		session := messenger.Features(0)
		if long {
			session = messenger.FeatureMsgAuth
		}
		b := bytes.Join(appendFrame(nil, authFrame(f), session), nil)
		b = append(appendAck(b, 1), uint8(core.TagKeepalive))
		b = appendStamp(b, core.TagKeepalive2, time.Unix(1, 2))
		b = appendStamp(b, core.TagKeepalive2Ack, time.Unix(3, 4))
		f.Add(long, append(b, uint8(core.TagClose)))
	}
	f.Fuzz(func(t *testing.T, long bool, b []byte) {
		session := messenger.Features(0)
		if long {
			session = messenger.FeatureMsgAuth
		}
		r := bytes.NewReader(b)
		var out []byte
		for {
			fr, err := readFrame(r)
			if err != nil {
				break
			}
			switch fr.tag {
			case core.TagAck:
				out = appendAck(out, fr.seq)
			case core.TagKeepalive2, core.TagKeepalive2Ack:
				again := appendStamp(nil, fr.tag, fr.stamp)
				if sent := b[len(out):][:len(again)]; !bytes.Equal(sent, again) {
					copy(again, sent) // more nanoseconds than there are in a second
				}
				out = append(out, again...)
			case core.TagMsg:
				if fr.header.Size() > fuzzMaxMessage {
					return
				}
				in, err := readBody(r, &fr.header, session)
				if err != nil {
					return
				}
				pieces := appendFrame(nil, &core.Frame{
					Header: in.Header, Footer: in.Footer, Front: in.Front, Middle: in.Middle, Data: in.Data,
				}, session)
				out = append(out, bytes.Join(pieces, nil)...)
			default:
				out = append(out, uint8(fr.tag))
			}
		}
		require.Equal(t, string(b[:len(out)]), string(out))
	})
}
