// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

// recording is what was said in an exchange with a real monitor, a line for each: KEY
// and the secret of a cluster that lived for a second, REQ and what the client sent, REP
// and what the monitor answered, SHOWN and an authorizer of the monitor's.
type recording struct {
	t     testing.TB
	lines [][]string
}

func openRecording(t testing.TB, name string) (*recording, CryptoKey) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	r := &recording{t: t}
	for line := range strings.Lines(string(b)) {
		r.lines = append(r.lines, strings.Fields(line))
	}
	key, err := ParseKey(r.next("KEY")[0])
	require.NoError(t, err)
	return r, key
}

// next is the rest of the next line, which must be of a kind.
func (r *recording) next(kind string) []string {
	r.t.Helper()
	require.NotEmpty(r.t, r.lines)
	line := r.lines[0]
	r.lines = r.lines[1:]
	require.Equal(r.t, kind, line[0])
	return line[1:]
}

func (r *recording) hex(s string) []byte {
	r.t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(r.t, err)
	return b
}

func (r *recording) number(s string) uint64 {
	r.t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	require.NoError(r.t, err)
	return n
}

// sends compares a request with the recorded one, and gives the recorded answer.
func (r *recording) sends(q Request) Reply {
	r.t.Helper()
	want := r.next("REQ")
	require.Equal(r.t, r.number(want[0]), uint64(q.Protocol))
	require.Equal(r.t, want[1], hex.EncodeToString(q.Payload))
	got := r.next("REP")
	return Reply{
		Protocol: uint32(r.number(got[0])), Result: int32(r.number(got[1])), GlobalID: r.number(got[2]), Payload: r.hex(got[3]),
	}
}

func (r *recording) login(l *Login) {
	r.t.Helper()
	q := l.Start()
	for {
		next, err := l.Reply(r.sends(q))
		require.NoError(r.t, err)
		if next == nil {
			return
		}
		q = *next
	}
}

// A login with a real monitor, the renewal of a ticket, and a second login of the same
// client, whose ticket comes encrypted with the first one's key: byte for byte.
func TestRecordedLogin(t *testing.T) {
	r, key := openRecording(t, "login.txt")
	random := counter(0)
	c := LoginConfig{
		Key: key, Services: messenger.EntityOSD | messenger.EntityMgr, Random: &random,
		Now: func() time.Time { return testTime },
	}
	l := NewLogin(c)
	r.login(l)
	require.EqualValues(t, 4097, l.GlobalID())
	for service, hours := range map[messenger.EntityType]time.Duration{
		messenger.EntityAuth: 72, messenger.EntityOSD: 1, messenger.EntityMgr: 1,
	} {
		ticket, ok := l.Ticket(service)
		require.True(t, ok, "%v", service)
		require.Equal(t, testTime.Add(hours*time.Hour), ticket.Expires, "%v", service)
	}
	q, err := l.Renew(messenger.EntityMDS)
	require.NoError(t, err)
	next, err := l.Reply(r.sends(q))
	require.NoError(t, err)
	require.Nil(t, next)
	mds, ok := l.Ticket(messenger.EntityMDS)
	require.True(t, ok)
	require.True(t, mds.SessionKey.Valid())

	first, _ := l.Ticket(messenger.EntityAuth)
	random, c.Previous = 0, l
	again := NewLogin(c)
	r.login(again)
	require.EqualValues(t, 4097, again.GlobalID())
	second, ok := again.Ticket(messenger.EntityAuth)
	require.True(t, ok)
	require.NotEqual(t, first.SessionKey, second.SessionKey)
	require.Empty(t, r.lines)
}

// What a real monitor shows to another one, before and after a challenge.
func TestRecordedAuthorizer(t *testing.T) {
	r, key := openRecording(t, "authorizer.txt")
	random := counter(0)
	recorded := time.Unix(1796048586, 0)
	now := recorded
	s := &Service{
		Type:   messenger.EntityMon,
		Secret: func(id uint64) (CryptoKey, bool) { return key, id == SharedSecret },
		Now:    func() time.Time { return now },
		Random: &random,
	}
	first, second := r.hex(r.next("SHOWN")[0]), r.hex(r.next("SHOWN")[0])
	require.Len(t, first, 158)
	a := s.NewAcceptor()
	_, challenge, err := a.Accept(first)
	require.NoError(t, err)
	require.True(t, challenge)
	reply, challenge, err := a.Accept(second)
	require.NoError(t, err)
	require.False(t, challenge)
	require.Len(t, reply, 4+32)
	peer := a.Peer()
	require.Equal(t, EntityName{Type: messenger.EntityMon}, peer.Name)
	require.Zero(t, peer.GlobalID)
	require.True(t, peer.SessionKey.Valid())
	require.WithinDuration(t, recorded, peer.Created, time.Minute)
	require.True(t, peer.Expires.After(peer.Created))

	now = peer.Expires.Add(1)
	_, _, err = s.NewAcceptor().Accept(first)
	require.ErrorIs(t, err, ErrExpired)
}
