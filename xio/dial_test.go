package xio

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio/cgo"
)

func TestDialBadURI(t *testing.T) {
	leakCheck(t)
	for _, uri := range []string{
		"", "tcp", "127.0.0.1:2061", "http://127.0.0.1:2061", "tcp://", "tcp://127.0.0.1",
		"tcp://127.0.0.1:", "tcp://127.0.0.1:port", "tcp://127.0.0.1:70000", "tcp://127.0.0.1:-1",
		"tcp://:2061", "tcp://127.0.0.1:0", "tcp://1:2:3:4", "tcp://127.0.0.1:2061\x00", "tcp://[::1:2061",
	} {
		t.Run(uri, func(t *testing.T) {
			_, err := Dial(testContext(t), uri)
			require.ErrorIs(t, err, ErrAddr)
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "dial", e.Op)
			assert.Equal(t, uri, e.URI)
			assert.False(t, e.Timeout())
		})
	}
}

// RDMA is refused at once where there is none: always, with the engine.
func TestRDMA(t *testing.T) {
	leakCheckFailedConnect(t)
	_, err := Dial(testContext(t), "rdma://127.0.0.1:1")
	require.Error(t, err)
	if cgo.Kin() {
		require.ErrorIs(t, err, syscall.ENOPROTOOPT)
		_, err = Listen("rdma://127.0.0.1:0", echo)
		require.ErrorIs(t, err, syscall.ENOPROTOOPT)
	}
}

func TestDialUnresolvableHost(t *testing.T) {
	_, err := Dial(testContext(t), "tcp://no-such-host.invalid:2061")
	require.ErrorIs(t, err, ErrAddr)
	var dns *net.DNSError
	require.ErrorAs(t, err, &dns)
	assert.Equal(t, "no-such-host.invalid", dns.Name)
}

func TestDialClosedPort(t *testing.T) {
	leakCheckFailedConnect(t)
	// A port that the system picks would soon be somebody else's.
	const uri = "tcp://127.0.0.1:1"
	for range 3 {
		_, err := Dial(testContext(t), uri)
		require.ErrorIs(t, err, ErrConnect)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Contains(t, err.Error(), uri)
	}
}

func TestDialPeerThatHangsUp(t *testing.T) {
	leakCheckFailedConnect(t)
	uri := fakePeer(t, func(c net.Conn) { c.Close() })
	_, err := Dial(testContext(t), uri)
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.False(t, e.Timeout(), err)
	assert.Equal(t, "dial", e.Op)
}

func TestDialSilentPeer(t *testing.T) {
	leakCheck(t)
	uri := fakePeer(t, nil)
	d := Dialer{Timeout: 100 * time.Millisecond}
	for range 3 {
		began := time.Now()
		_, err := d.Dial(context.Background(), uri)
		require.ErrorIs(t, err, ErrTimeout)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var ne net.Error
		require.ErrorAs(t, err, &ne)
		assert.True(t, ne.Timeout())
		assert.Less(t, time.Since(began), patience/2)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := Dial(ctx, uri)
	require.ErrorIs(t, err, context.Canceled)
}

func TestDialGarbagePeer(t *testing.T) {
	leakCheck(t)
	for name, greeting := range map[string]string{
		"http":  "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
		"zeros": strings.Repeat("\x00", 4096),
		"noise": string(pattern(100000, 5)),
	} {
		t.Run(name, func(t *testing.T) {
			uri := fakePeer(t, func(c net.Conn) {
				io.WriteString(c, greeting)
			})
			d := Dialer{Timeout: 200 * time.Millisecond}
			_, err := d.Dial(context.Background(), uri)
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "dial", e.Op)
		})
	}
}

func TestServerSurvivesGarbage(t *testing.T) {
	needsTCP(t)
	leakCheck(t)
	s, c := pair(t, nil)
	var conns []net.Conn
	for i := range 20 {
		g, err := net.Dial("tcp", s.Addr().String())
		require.NoError(t, err)
		conns = append(conns, g)
		switch i % 4 {
		case 0:
			io.WriteString(g, "GET / HTTP/1.0\r\n\r\n")
		case 1:
			g.Write(pattern(5000, byte(i)))
		case 2:
			g.Close()
		}
		rsp, err := c.Call(testContext(t), &Message{Data: []byte("meanwhile")})
		require.NoError(t, err)
		rsp.Release()
	}
	for _, g := range conns {
		g.Close()
	}
	another := dial(t, Dialer{}, s)
	rsp, err := another.Call(testContext(t), &Message{Data: []byte("and after")})
	require.NoError(t, err)
	rsp.Release()
}

func TestDialOptionsOutOfRange(t *testing.T) {
	for _, d := range []Dialer{{QueueDepth: -1}, {QueueDepth: 4097}, {MaxResponse: -1}, {MaxResponse: MaxMessage + 1}} {
		_, err := d.Dial(testContext(t), "tcp://127.0.0.1:1")
		require.ErrorIs(t, err, ErrMsgInvalid)
	}
	_, err := (&Dialer{PrivateData: make([]byte, 4000)}).Dial(testContext(t), "tcp://127.0.0.1:1")
	require.ErrorIs(t, err, ErrMsgSize)
}

func TestAcceptPolicy(t *testing.T) {
	leakCheck(t)
	s := listen(t, ListenConfig{
		AcceptData: []byte("welcome"),
		Accept: func(r *SessionRequest) error {
			switch string(r.PrivateData) {
			case "friend":
				return nil
			case "foe":
				return ErrRoute
			case "panic":
				panic("in Accept")
			}
			return ErrSessionRefused
		},
		Logger: quietLog,
	}, echo)
	for range 5 {
		for _, secret := range []string{"foe", "", "panic"} {
			_, err := (&Dialer{PrivateData: []byte(secret)}).Dial(testContext(t), s.URI())
			require.ErrorIs(t, err, ErrSessionRejected)
			if cgo.Embedded && secret == "foe" {
				require.ErrorIs(t, err, ErrRoute)
			}
		}
		c, err := (&Dialer{PrivateData: []byte("friend")}).Dial(testContext(t), s.URI()+"/some/path?x=1")
		require.NoError(t, err)
		assert.Equal(t, "welcome", string(c.Session().PeerData()))
		rsp, err := c.Call(testContext(t), &Message{Data: []byte("x")})
		require.NoError(t, err)
		rsp.Release()
		assert.Len(t, s.Connections(), 1)
		sc := s.Connections()[0]
		assert.Equal(t, "friend", string(sc.Session().PeerData()))
		assert.True(t, strings.HasSuffix(sc.Session().URI(), "/some/path?x=1"), sc.Session().URI())
		assert.Equal(t, StateUp, sc.State())
		require.NoError(t, c.Close())
		eventually(t, "server side gone", func() bool { return len(s.Connections()) == 0 })
	}
	st := s.Stats()
	assert.EqualValues(t, 5, st.Accepted)
	assert.EqualValues(t, 15, st.Rejected)
}

func TestAcceptThatNeverDecides(t *testing.T) {
	leakCheckFailedConnect(t)
	stuck := make(chan struct{})
	s := listen(t, ListenConfig{Accept: func(*SessionRequest) error { <-stuck; return nil }}, echo)
	_, err := (&Dialer{Timeout: 100 * time.Millisecond}).Dial(context.Background(), s.URI())
	require.ErrorIs(t, err, ErrTimeout)
	// One that is still waiting when the server closes.
	result := make(chan error, 1)
	go func() {
		_, err := Dial(testContext(t), s.URI())
		result <- err
	}()
	eventually(t, "two sessions waiting", func() bool {
		n := 0
		s.lead.ctx.do(func() { n = len(s.lead.ctx.waiting) + s.lead.ctx.Stats().Connections })
		return n >= 2
	})
	require.NoError(t, s.Close())
	require.Error(t, <-result)
	close(stuck)
}

func TestMaxConnections(t *testing.T) {
	leakCheck(t)
	s := listen(t, ListenConfig{MaxConnections: 2}, echo)
	a, b := dial(t, Dialer{}, s), dial(t, Dialer{}, s)
	_, err := Dial(testContext(t), s.URI())
	require.ErrorIs(t, err, ErrSessionRejected)
	require.NoError(t, a.Close())
	eventually(t, "room for another", func() bool {
		c, err := Dial(testContext(t), s.URI())
		if err != nil {
			return !errors.Is(err, ErrSessionRejected)
		}
		return c.Close() == nil
	})
	rsp, err := b.Call(testContext(t), &Message{})
	require.NoError(t, err)
	rsp.Release()
}

func TestListenErrors(t *testing.T) {
	leakCheck(t)
	s := listen(t, ListenConfig{}, echo)
	for _, tc := range []struct {
		uri string
		err error
	}{
		{s.URI(), syscall.EADDRINUSE},
		{"tcp://192.0.2.1:0", syscall.EADDRNOTAVAIL},
		{"nonsense", ErrAddr},
		{"ftp://127.0.0.1:0", ErrAddr},
		{"tcp://no-such-host.invalid:0", ErrAddr},
	} {
		_, err := Listen(tc.uri, echo)
		require.ErrorIs(t, err, tc.err, tc.uri)
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "listen", e.Op)
	}
	_, err := Listen("tcp://127.0.0.1:0", nil)
	require.ErrorIs(t, err, ErrMsgInvalid)
	for _, l := range []ListenConfig{{QueueDepth: -1}, {MaxResponse: -1}, {AcceptData: make([]byte, 5000)}} {
		_, err := l.Listen("tcp://127.0.0.1:0", echo)
		require.Error(t, err)
	}
}

func TestListenOnAllAddresses(t *testing.T) {
	s, err := Listen("tcp://*:0", echo)
	require.NoError(t, err)
	defer s.Close()
	_, port, err := net.SplitHostPort(s.Addr().String())
	require.NoError(t, err)
	c, err := Dial(testContext(t), "tcp://localhost:"+port)
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// Both sides name each other's ends of the connection.
func TestAddresses(t *testing.T) {
	leakCheck(t)
	s, c := pair(t, nil)
	ask(t, c, "x")
	theirs := s.Connections()[0]
	assert.Equal(t, s.Addr(), c.RemoteAddr())
	assert.Equal(t, c.RemoteAddr(), theirs.LocalAddr())
	assert.Equal(t, c.LocalAddr(), theirs.RemoteAddr())
	assert.Equal(t, s.URI(), c.URI())
}
