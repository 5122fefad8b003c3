// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// Harness says how to make the messenger that is to be tested.
type Harness struct {
	// New makes a messenger that is not yet started.
	New func(messenger.Config) (messenger.Messenger, error)
	// Bind is an address to bind to, with port 0. The IP address after it must be one of
	// the machine too.
	Bind string
	// Leaks, if not nil, is called when a test and all its messengers have
	// ended, to look for what they have left behind.
	Leaks func(testing.TB)
	// Trusting says that the transport does not notice by itself that a peer speaks
	// another protocol, so that the time-out of the handshake has to end it.
	Trusting bool
}

// Long says that tests shall run in full length.
func Long() bool { return os.Getenv("MESSENGER_TEST_LONG") != "" }

// Seed is the seed from the environment, or one of the clock. It is printed.
func Seed(t testing.TB) uint64 {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("MESSENGER_TEST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		require.NoError(t, err, "MESSENGER_TEST_SEED")
		seed = n
	}
	t.Logf("MESSENGER_TEST_SEED=%d", seed)
	return seed
}

// patience bounds what tests wait for.
const patience = 20 * time.Second

// eventually waits for a condition.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
	}
}

// reached waits for a step.
func reached(t testing.TB, h *Hold) {
	t.Helper()
	select {
	case <-h.Reached():
	case <-time.After(patience):
		t.Fatal("the step was never come to")
	}
}

// node is a messenger with its dispatcher.
type node struct {
	messenger.Messenger
	d *fake
}

// Names of the entities in tests.
var (
	anOSD    = messenger.EntityName{Type: messenger.EntityOSD, Num: 0}
	aClient  = messenger.EntityName{Type: messenger.EntityClient, Num: messenger.UnknownNum}
	registry = func() *messenger.Registry {
		r := messenger.NewRegistry()
		messages.Register(r)
		r.Register(1, func() messenger.Message { return newStrings(nil) })
		r.Register(1, func() messenger.Message { return newNote(0, "") })
		return r
	}()
)

// options of a node.
type options struct {
	name     messenger.EntityName
	policy   messenger.Policy
	bind     bool
	config   func(*messenger.Config)
	before   func(messenger.Messenger)
	noStart  bool
	dispatch *fake
}

// start makes and starts a node that ends with the test.
func (h *Harness) start(t testing.TB, o options) *node {
	t.Helper()
	cfg := messenger.Config{
		Name:           o.name,
		Registry:       registry,
		InitialBackoff: 5 * time.Millisecond,
		MaxBackoff:     100 * time.Millisecond,
		Logger:         slog.New(slog.DiscardHandler),
	}
	if testing.Verbose() && os.Getenv("MESSENGER_TEST_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if o.config != nil {
		o.config(&cfg)
	}
	m, err := h.New(cfg)
	require.NoError(t, err)
	d := o.dispatch
	if d == nil {
		d = newFake()
	}
	n := &node{m, d}
	require.NoError(t, m.SetDefaultPolicy(o.policy))
	m.AddDispatcherHead(d)
	if o.before != nil {
		o.before(m)
	}
	if o.bind {
		a, err := messenger.ParseEntityAddr(h.Bind)
		require.NoError(t, err)
		require.NoError(t, m.Bind(a))
	}
	t.Cleanup(func() { n.stop(t) })
	if !o.noStart {
		require.NoError(t, m.Start())
	}
	return n
}

// stop ends a node; nothing may be left in its queues.
func (n *node) stop(t testing.TB) {
	n.Shutdown()
	n.Wait()
	if got := n.DispatchQueueLen(); got != 0 {
		t.Errorf("%v: %d messages left in the dispatch queue", n.Name(), got)
	}
	if got := n.DispatchQueueMaxAge(); got != 0 {
		t.Errorf("%v: the oldest message left in the dispatch queue is %v old", n.Name(), got)
	}
	if got := n.Connections(); len(got) != 0 {
		t.Errorf("%v: %d connections left", n.Name(), len(got))
	}
}

// server and client are the nodes of most tests.
func (h *Harness) server(t testing.TB, p messenger.Policy) *node {
	n := h.start(t, options{name: anOSD, policy: p, bind: true})
	n.d.echo = true
	return n
}

func (h *Harness) client(t testing.TB, p messenger.Policy) *node {
	return h.start(t, options{name: aClient, policy: p})
}

// connect connects a to b.
func (n *node) connect(t testing.TB, to *node) messenger.Connection {
	t.Helper()
	c, err := n.ConnectTo(to.Name().Type, to.Addrs())
	require.NoError(t, err)
	return c
}

// ping sends a ping and waits for its echo, which is the count-th message on c.
func ping(t testing.TB, c messenger.Connection, count int) {
	t.Helper()
	require.NoError(t, c.Send(messages.NewPing()))
	eventually(t, "the echo of a ping", func() bool { return counted(c) >= count })
	require.Equal(t, count, counted(c))
}
