// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

var authCases = []testCase{
	{"C10_AuthTest", authTest},
	{"UnauthenticatedGetsNothing", unauthenticatedTest},
	{"NobodyVerifies", nobodyVerifiesTest},
	{"PeerMustProveItselfToo", impostorTest},
	{"R23_BadSignature", badSignatureTest},
	{"DispatcherRefuses", refusingTest},
	{"R22_CRCsCanBeSwitchedOff", crcOffTest},
}

func secretOf(t testing.TB, key string) messenger.Auth {
	a, err := messenger.NewSharedSecret([]byte(key))
	require.NoError(t, err)
	return a
}

func authTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatelessServer()), s.client(t, messenger.LossyClient())
	key := secretOf(t, "a secret of the suite")
	server.d.use(key)
	client.d.use(key)
	got := make(chan messenger.MsgFooter, 1)
	client.d.onMessage = func(m messenger.Message) {
		got <- m.Base().Footer()
		m.Base().Release()
	}
	c := client.connect(t, server)
	require.NoError(t, c.Send(messages.NewPing()))
	f := <-got
	require.NotZero(t, f.Flags&messenger.FooterSigned)
	require.NotZero(t, f.Sig)
	c.MarkDown()

	server.d.use(messenger.AuthNone{})
	client.d.use(messenger.AuthNone{})
	require.NoError(t, client.connect(t, server).Send(messages.NewPing()))
	f = <-got
	require.Zero(t, f.Flags&messenger.FooterSigned)
	require.Zero(t, f.Sig)
}

func unauthenticatedTest(t *testing.T, s *suite) {
	server := s.server(t, messenger.StatelessServer())
	server.d.use(secretOf(t, "a secret of the suite"))
	for name, auth := range map[string]messenger.Auth{
		"none":           messenger.AuthNone{},
		"another secret": secretOf(t, "another secret, alas"),
	} {
		client := s.client(t, messenger.LossyClient())
		client.d.use(auth)
		c := client.connect(t, server)
		require.NoError(t, c.Send(newNote(1, "let me in")))
		faults(t, c, messenger.ErrAuthorizer)
		require.False(t, c.IsConnected(), name)
	}
	require.Empty(t, server.d.got())
	require.Zero(t, server.d.accepts.Load())
	require.Empty(t, server.Connections())
}

// silent is a dispatcher that has no part in authentication.
type silent struct{ messenger.BaseDispatcher }

func nobodyVerifiesTest(t *testing.T, s *suite) {
	m, err := s.New(messenger.Config{Name: anOSD, Registry: registry})
	require.NoError(t, err)
	server := &node{m, newFake()}
	m.AddDispatcherTail(silent{})
	a, err := messenger.ParseEntityAddr(s.Bind)
	require.NoError(t, err)
	require.NoError(t, m.Bind(a))
	require.NoError(t, m.Start())
	t.Cleanup(func() { server.stop(t) })
	c := s.client(t, messenger.LossyClient()).connect(t, server)
	faults(t, c, messenger.ErrAuthorizer)
}

// believer is an Auth that lets everybody in but cannot prove anything.
type believer struct{ messenger.AuthNone }

func (believer) Verifier(messenger.EntityType, uint32) messenger.AuthVerifier { return believing{} }

type believing struct{}

func (believing) Accept([]byte) ([]byte, bool, error) { return []byte("trust me"), false, nil }
func (believing) Signer(uint64) messenger.SignFunc    { return nil }

func impostorTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatelessServer()), s.client(t, messenger.LossyClient())
	server.d.use(believer{})
	client.d.use(secretOf(t, "a secret of the suite"))
	c := client.connect(t, server)
	require.NoError(t, c.Send(newNote(1, "secret")))
	faults(t, c, messenger.ErrAuthorizer)
	require.Empty(t, server.d.got())
}

// forger signs with another key than it has agreed upon.
type forger struct{ messenger.Auth }

func (f forger) Authorizer(n messenger.EntityName, t messenger.EntityType, fresh bool) messenger.Authorizer {
	return forged{f.Auth.Authorizer(n, t, fresh)}
}

type forged struct{ messenger.Authorizer }

func (f forged) Signer(features uint64) messenger.SignFunc {
	sign := f.Authorizer.Signer(features)
	return func(covered *[8]uint32) uint64 { return sign(covered) ^ 1 }
}

func badSignatureTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatelessServer()), s.client(t, messenger.LossyClient())
	key := secretOf(t, "a secret of the suite")
	server.d.use(key)
	client.d.use(forger{key})
	c := client.connect(t, server)
	eventually(t, "the connection", c.IsConnected)
	eventually(t, "its other end", func() bool { return server.d.lastAccepted() != nil })
	require.NoError(t, c.Send(newNote(1, "forged")))
	faults(t, server.d.lastAccepted(), messenger.ErrBadSignature)
	eventually(t, "the end of the connection", func() bool { return !c.IsConnected() })
	require.Empty(t, server.d.got())
}

// bouncer has the last word.
type bouncer struct{ messenger.BaseDispatcher }

func (bouncer) HandleAuthentication(messenger.Connection) error { return errors.New("not today") }

func refusingTest(t *testing.T, s *suite) {
	server := s.start(t, options{name: anOSD, policy: messenger.StatelessServer(), bind: true, before: func(m messenger.Messenger) {
		m.AddDispatcherTail(bouncer{})
	}})
	c := s.client(t, messenger.LossyClient()).connect(t, server)
	faults(t, c, messenger.ErrAuthorizer)
	require.Zero(t, server.d.accepts.Load())
}

func crcOffTest(t *testing.T, s *suite) {
	off := func(c *messenger.Config) { c.DisableHeaderCRC, c.DisableDataCRC = true, true }
	server := s.start(t, options{name: anOSD, policy: messenger.StatelessServer(), bind: true, config: off})
	got := make(chan messenger.Message, 1)
	server.d.onMessage = func(m messenger.Message) { got <- m }
	client := s.start(t, options{name: aClient, policy: messenger.LossyClient(), config: off})
	send := func(from *node) messenger.Message {
		m := messages.NewDataPing("", 1)
		m.SetMiddle([]byte("middle"))
		m.SetData([]byte("data"))
		m.SetDataOff(17)
		require.NoError(t, from.connect(t, server).Send(m))
		in := <-got
		require.Equal(t, "middle", string(in.Base().Middle()))
		require.Equal(t, "data", string(in.Base().Data()))
		require.Equal(t, uint16(17), in.Base().Header().DataOff)
		in.Base().Release()
		return in
	}
	m := send(client)
	require.Equal(t, messenger.MsgFooter{Flags: messenger.FooterComplete | messenger.FooterNoCRC}, m.Base().Footer())
	require.Zero(t, m.Base().Header().CRC)

	// A peer that sends sums is understood as well.
	m = send(s.client(t, messenger.LossyClient()))
	require.Equal(t, messenger.CRC32C(0, []byte("data")), m.Base().Footer().DataCRC)
	require.Equal(t, messenger.CRC32C(0, []byte("middle")), m.Base().Footer().MiddleCRC)
	h := m.Base().Header()
	require.Equal(t, h.Sum(nil), h.CRC)
}
