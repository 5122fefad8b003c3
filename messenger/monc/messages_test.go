// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
)

func encode(m messenger.Message) []byte {
	var e messenger.Encoder
	m.EncodePayload(&e, messenger.DefaultFeatures)
	return e.Bytes()
}

// decode makes a message of the same type and version from bytes.
func decode(h messenger.MsgHeader, b []byte) (messenger.Message, *messenger.Decoder, error) {
	r := messenger.NewRegistry()
	Register(r)
	m, err := r.New(&h)
	if err != nil {
		return nil, nil, err
	}
	m.Base().SetHeader(h)
	d := messenger.NewDecoder(b)
	m.DecodePayload(d)
	return m, d, d.Err()
}

// samples is a message of each type with something in every field.
func samples() []messenger.Message {
	fsid := UUID{1, 2, 3}
	auth := NewAuth()
	auth.Protocol, auth.Payload, auth.MonMapEpoch = 2, []byte{1, 2}, 3
	authReply := NewAuthReply()
	authReply.Protocol, authReply.Result, authReply.GlobalID = 2, -13, 4711
	authReply.Payload, authReply.Text = []byte{5}, "no"
	subscribe := NewMonSubscribe()
	subscribe.What, subscribe.Hostname = map[string]Sub{"osdmap": {7, true}, "monmap": {}}, "here"
	ack := NewMonSubscribeAck()
	ack.Interval, ack.FSID = 86400, fsid
	pool := int64(5)
	statfs := NewStatfs(fsid)
	statfs.Pool = &pool
	statfsReply := NewStatfsReply()
	statfsReply.FSID, statfsReply.Version, statfsReply.Usage = fsid, 2, Usage{1, 2, 3, 4}
	getVersion := NewMonGetVersion("osdmap")
	getVersion.Handle = 9
	version := NewMonGetVersionReply()
	version.Handle, version.Newest, version.Oldest = 9, 8, 7
	commandAck := NewMonCommandAck()
	commandAck.Result, commandAck.Status, commandAck.Cmd = -22, "what?", []string{"{}"}
	osdmap := NewMap(TypeOSDMap, 4)
	osdmap.Payload = []byte{1, 2, 3}
	return []messenger.Message{
		auth, authReply, NewMonGetMap(), NewMonMapMessage([]byte{1}), subscribe, ack, NewStatfs(fsid), statfs,
		statfsReply, getVersion, version, NewMonCommand(fsid, `{"prefix": "status"}`), commandAck, osdmap,
	}
}

func TestMessages(t *testing.T) {
	for _, m := range samples() {
		b := encode(m)
		got, d, err := decode(m.Base().Header(), b)
		require.NoError(t, err)
		require.Zero(t, d.Len())
		require.Equal(t, m, got)
		if _, free := m.(*Map); free {
			continue
		}
		for n := range b {
			_, _, err := decode(m.Base().Header(), b[:n])
			require.Error(t, err, "type %d cut at %d", m.Base().Type(), n)
		}
	}
}

// Older forms lack fields at the end.
func TestOlderMessages(t *testing.T) {
	subscribe := NewMonSubscribe()
	subscribe.SetVersion(2, 1)
	b := encode(subscribe)
	_, d, err := decode(subscribe.Header(), b[:len(b)-4])
	require.NoError(t, err)
	require.Zero(t, d.Len())
	statfs := NewStatfs(UUID{})
	statfs.SetVersion(1, 1)
	b = encode(statfs)
	_, d, err = decode(statfs.Header(), b[:len(b)-1])
	require.NoError(t, err)
	require.Zero(t, d.Len())
	version := NewMonGetVersionReply()
	version.SetVersion(1, 1)
	b = encode(version)
	_, d, err = decode(version.Header(), b[:len(b)-8])
	require.NoError(t, err)
	require.Zero(t, d.Len())
}

// The first message of a client, as a real monitor takes it.
func TestFirstMessage(t *testing.T) {
	r := cephx.NewLogin(cephx.LoginConfig{}).Start()
	m := NewAuth()
	m.Protocol, m.Payload = r.Protocol, r.Payload
	const want = "0000000000000000 ffff 0000000000000000 00000000 1e000000 01 01000000 01000000 08000000 05000000 61646d696e 0000000000000000 00000000"
	require.Equal(t, strings.ReplaceAll(want, " ", ""), hex.EncodeToString(encode(m)))
	require.Len(t, encode(NewAuthReply()), 24)
	require.Len(t, encode(NewStatfsReply()), 56)
}
