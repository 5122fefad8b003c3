// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
)

// The rows of the accept decision table, by a peer that says what it likes. The peer
// always has the same address, and is a client unless it says so.

// row is a connect of the peer's, and what the messenger must answer.
type row struct {
	gseq, cseq uint32
	tag        core.Tag
	wantGseq   uint32 // of RETRY_GLOBAL
	wantCseq   uint32 // of all others
}

// seqs is what a lossless session with sequence numbers is asked with.
const seqs = messenger.FeatureReconnectSeq

func (r row) ask(t *testing.T, p *rawPeer) core.Reply {
	t.Helper()
	got := p.connect(core.Connect{Features: seqs, GlobalSeq: r.gseq, ConnectSeq: r.cseq})
	require.Equal(t, r.tag, got.Tag)
	if r.tag == core.TagRetryGlobal {
		require.Equal(t, r.wantGseq, got.GlobalSeq)
	} else {
		require.Equal(t, r.wantCseq, got.ConnectSeq)
	}
	return got
}

func (e *end) reset() (remote, all int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.remoteResets, e.resets
}

// open makes a session in which the peer has sent one message and got one.
func open(t *testing.T, s *end, own messenger.EntityAddr) *rawPeer {
	t.Helper()
	before := len(s.received())
	p := greetRaw(t, s, own)
	row{gseq: 5, cseq: 0, tag: core.TagSeq, wantCseq: 1}.ask(t, p) // row 2
	p.seq(0)
	p.write(ping(1, 1, 0))
	eventually(t, "message", func() bool { return len(s.received()) == before+1 })
	require.Equal(t, appendAck(nil, 1), p.read(9))
	s.mu.Lock()
	c := s.accepted
	s.mu.Unlock()
	send(t, c, 1, 1, 0)
	p.message()
	return p
}

func (p *rawPeer) seq(n uint64) {
	p.t.Helper()
	p.write(binary.LittleEndian.AppendUint64(nil, n))
}

// message reads the next message of a session without long footers, and gives its
// number. Acknowledgements may be before it.
func (p *rawPeer) message() uint64 {
	p.t.Helper()
	f, err := readFrame(p)
	for err == nil && f.tag == core.TagAck {
		f, err = readFrame(p)
	}
	require.NoError(p.t, err)
	require.Equal(p.t, core.TagMsg, f.tag)
	_, err = readBody(p, &f.header, 0)
	require.NoError(p.t, err)
	return f.header.Seq
}

func TestAcceptRows(t *testing.T) {
	own := messenger.EntityAddr{Nonce: 0xabcd}
	t.Run("1 no session", func(t *testing.T) {
		p := greetRaw(t, startServer(t, messenger.StatefulServer()), own)
		row{gseq: 5, cseq: 3, tag: core.TagResetSession}.ask(t, p)
		row{gseq: 6, cseq: 0, tag: core.TagSeq, wantCseq: 1}.ask(t, p)
	})
	t.Run("4 an old attempt", func(t *testing.T) {
		s := startServer(t, messenger.StatefulServer())
		open(t, s, own)
		p := greetRaw(t, s, own)
		row{gseq: 4, cseq: 1, tag: core.TagRetryGlobal, wantGseq: 5}.ask(t, p)
		row{gseq: 6, cseq: 2, tag: core.TagSeq, wantCseq: 3}.ask(t, p)
	})
	t.Run("5 a lossy session", func(t *testing.T) {
		s := startServer(t, messenger.LossyClient())
		p := greetRaw(t, s, own)
		row{gseq: 5, cseq: 0, tag: core.TagReady, wantCseq: 1}.ask(t, p)
		eventually(t, "session", func() bool { return len(s.m.Connections()) == 1 })
		again := greetRaw(t, s, own)
		row{gseq: 6, cseq: 0, tag: core.TagReady, wantCseq: 1}.ask(t, again)
		p.closed()
		eventually(t, "reset", func() bool { _, all := s.reset(); return all == 1 })
		again.write(ping(1, 1, 0))
		eventually(t, "message", func() bool { return len(s.received()) == 1 })
	})
	for name, check := range map[string]bool{"6 the peer was reset": true, "6 without a check": false} {
		t.Run(name, func(t *testing.T) {
			policy := messenger.StatefulServer()
			policy.ResetCheck = check
			s := startServer(t, policy)
			first := open(t, s, own)
			p := greetRaw(t, s, own)
			row{gseq: 6, cseq: 0, tag: core.TagReady, wantCseq: 1}.ask(t, p)
			first.closed()
			p.write(ping(1, 2, 0)) // a number that was there before
			eventually(t, "message", func() bool { return len(s.received()) == 2 })
			remote, all := s.reset()
			require.Equal(t, check, remote == 1)
			require.Zero(t, all)
			if !check { // what was not acknowledged comes again
				require.EqualValues(t, 1, p.message())
			}
		})
	}
	t.Run("7 and 8 a number that was there", func(t *testing.T) {
		s := startServer(t, messenger.StatefulServer())
		open(t, s, own)
		p := greetRaw(t, s, own)
		row{gseq: 6, cseq: 2, tag: core.TagSeq, wantCseq: 3}.ask(t, p)
		p.seq(1)
		eventually(t, "session", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.accepts == 2 })
		p = greetRaw(t, s, own)
		row{gseq: 7, cseq: 2, tag: core.TagRetrySession, wantCseq: 4}.ask(t, p)
		row{gseq: 8, cseq: 3, tag: core.TagRetrySession, wantCseq: 4}.ask(t, p)
		row{gseq: 9, cseq: 4, tag: core.TagSeq, wantCseq: 5}.ask(t, p)
	})
	t.Run("11 a reconnect", func(t *testing.T) {
		s := startServer(t, messenger.StatefulServer())
		first := open(t, s, own)
		s.mu.Lock()
		c := s.accepted
		s.mu.Unlock()
		send(t, c, 2, 2, 0)
		first.message()
		first.message()
		p := greetRaw(t, s, own)
		r := row{gseq: 6, cseq: 1 + 1, tag: core.TagSeq, wantCseq: 3}.ask(t, p)
		require.EqualValues(t, 1, r.InSeq, "what it has of us")
		p.seq(2)                                         // we have the first two of its three
		require.EqualValues(t, 3, p.message())           // and get the third again, with its number
		p.write(append(ping(1, 9, 0), ping(2, 2, 0)...)) // one that it has, and a new one
		eventually(t, "message", func() bool { return len(s.received()) == 2 })
		require.Equal(t, []uint32{1, 2}, s.received())
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Same(t, c, s.accepted, "the connection is the one that was")
		require.Zero(t, s.resets+s.remoteResets)
	})
}

// Rows 9 and 10 need an attempt of the messenger's own that is under way: to a place
// where somebody accepts, and says nothing.
func TestAcceptRaces(t *testing.T) {
	for name, c := range map[string]struct {
		policy messenger.Policy
		lower  bool // the peer has the lower address
		cseq   uint32
		want   core.Tag
	}{
		"9 the peer has the lower address":  {messenger.LosslessPeer(), true, 0, core.TagReady},
		"9 the peer has the higher address": {messenger.LosslessPeer(), false, 0, core.TagWait},
		"10 a session that is not ours":     {messenger.LosslessPeerReuse(), true, 7, core.TagResetSession},
		"11 without a check":                {messenger.LosslessPeer(), true, 7, core.TagReady},
	} {
		t.Run(name, func(t *testing.T) {
			s := newEnd(t, messenger.EntityOSD, c.policy, nil, Options{})
			require.NoError(t, s.m.Bind(addr(t, "v1:127.0.0.1:0")))
			require.NoError(t, s.m.Start())
			defer s.stop()
			// Where all else is equal the port decides.
			silent := listenRaw(t, s.m.Addrs()[0].Nonce)
			for (silent.addr.Port() < s.m.Addrs()[0].Port()) != c.lower {
				silent = listenRaw(t, s.m.Addrs()[0].Nonce)
			}
			conn, err := s.m.ConnectTo(messenger.EntityOSD, messenger.AddrVec{silent.addr})
			require.NoError(t, err)
			attempt := silent.accept()
			attempt.read(connectorHelloLen)
			p := greetRaw(t, s, silent.addr)
			r := p.connect(core.Connect{
				Self: core.Identity{Name: messenger.EntityName{Type: messenger.EntityOSD}}, GlobalSeq: 1, ConnectSeq: c.cseq,
			})
			require.Equal(t, c.want, r.Tag)
			if c.want != core.TagReady {
				require.False(t, conn.IsConnected())
				return
			}
			attempt.closed()
			p.write(ping(1, 1, 0))
			eventually(t, "message", func() bool { return len(s.received()) == 1 })
			require.True(t, conn.IsConnected())
			require.Same(t, conn, s.m.Find(silent.addr))
		})
	}
}
