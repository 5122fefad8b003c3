// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
)

// Config says which cluster a client is for, and as whom it logs in.
type Config struct {
	// Mons are addresses of monitors, one of which must be alive at the start; the
	// others are learned.
	Mons []messenger.EntityAddr
	// Name and Key are who logs in. Without a key only the method "none" is offered.
	// The zero name is client.admin.
	Name cephx.EntityName
	Key  cephx.CryptoKey
	// AllowNone offers "none" beside cephx, see [cephx.LoginConfig].
	AllowNone bool
	// Services are the services for which the client has tickets, such as
	// EntityOSD|EntityMgr, and renews them before they expire; see [Client.Authorizer].
	// Only cephx has tickets.
	Services messenger.EntityType
	// Handle gets every message from a monitor that no method of Client waits for,
	// such as maps that were subscribed to. It runs on the messenger's dispatch
	// goroutine, must not block, and may keep nothing of the message. Nil drops them.
	Handle func(messenger.Message)
	// HuntTimeout is how long one monitor may take to let the client in, before the
	// next one is tried. Zero means 10 s.
	HuntTimeout time.Duration
	// PingInterval is how often a monitor is asked for a sign of life, PingTimeout
	// how long it may owe one before another monitor is looked for. Zero means 10 s
	// and 30 s.
	PingInterval, PingTimeout time.Duration
	// Backoff is the pause after a round of monitors that are all out of reach, and the
	// least between two requests for tickets. Zero means 500 ms.
	Backoff time.Duration
	// Logger gets what no caller can be told. Nil discards it.
	Logger *slog.Logger
}

func (c *Config) defaults() {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&c.HuntTimeout, 10 * time.Second}, {&c.PingInterval, 10 * time.Second},
		{&c.PingTimeout, 30 * time.Second}, {&c.Backoff, 500 * time.Millisecond},
	} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Client is a client of a cluster's monitors. It is safe for concurrent use.
//
// Implements:
//
//	class MonClient
type Client struct {
	m      messenger.Messenger
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	start  sync.Once
	done   chan struct{} // closed when run has returned

	mu      sync.Mutex
	cur     *session              // nil between two
	opened  chan struct{}         // closed while a session is open
	tried   chan struct{}         // closed and made anew with every round in vain
	err     error                 // of the last such round
	last    *cephx.Login          // the last complete one
	monmap  *MonMap               // nil before the first
	mapped  chan struct{}         // closed and made anew with every monmap
	subs    map[string]Sub        // what is wanted
	pending map[uint64]*request   // by tid
	pings   map[*request]struct{} // who waits for a ping's answer, which has no tid
	tid     uint64
}

// New makes a client that uses a messenger, which must not have been started yet; then
// start both. The messenger's registry must know the messages of [Register], and
// its policy for monitors becomes [messenger.LossyClient].
func New(m messenger.Messenger, cfg Config) (*Client, error) {
	cfg.defaults()
	usable := 0
	for _, a := range cfg.Mons {
		if a.Type == m.AddrType() {
			usable++
		}
	}
	if usable == 0 {
		return nil, ErrNoAddress
	}
	if err := m.SetPolicy(messenger.EntityMon, messenger.LossyClient()); err != nil {
		return nil, err
	}
	c := &Client{
		m: m, cfg: cfg,
		done:    make(chan struct{}),
		opened:  make(chan struct{}),
		tried:   make(chan struct{}),
		mapped:  make(chan struct{}),
		subs:    map[string]Sub{},
		pending: map[uint64]*request{},
		pings:   map[*request]struct{}{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	m.AddDispatcherTail(&dispatcher{c: c})
	return c, nil
}

// Start begins to look for a monitor. It is called once, after the messenger's Start.
func (c *Client) Start() {
	c.start.Do(func() { go c.run() })
}

// Close ends the client: calls that wait get [ErrClosed]. The messenger goes on, and
// is to be shut down after. It may be called any number of times.
func (c *Client) Close() {
	c.cancel()
	c.start.Do(func() { close(c.done) })
	<-c.done
}

// Wait returns when a monitor has let the client in, or, after a round of all monitors
// none of which did, with their reasons. More rounds follow.
func (c *Client) Wait(ctx context.Context) error {
	c.mu.Lock()
	opened, tried := c.opened, c.tried
	c.mu.Unlock()
	select {
	case <-opened:
		return nil
	case <-tried:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return ErrClosed
	}
}

// MonMap is the newest monitor map that is known, nil before the first.
func (c *Client) MonMap() *MonMap {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.monmap
}

// GlobalID is the number by which the cluster knows this client, 0 before the first
// login. It may change when the client has been away for long.
func (c *Client) GlobalID() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		return 0
	}
	return c.last.GlobalID()
}

// Monitor is the address of the monitor that the client is logged in with; false
// between two.
func (c *Client) Monitor() (messenger.EntityAddr, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cur == nil || !c.cur.open {
		return messenger.EntityAddr{}, false
	}
	return c.cur.conn.PeerAddr(), true
}

// Subscribe asks for a map, such as "osdmap", from a version on. It is asked for
// again from every monitor that the client comes to, until it has been got if it was
// wanted once. The maps go to Config.Handle, which tells by [Client.Got] which version
// came. The monitor map is always subscribed to.
//
// Implements:
//
//	MonClient::sub_want
func (c *Client) Subscribe(what string, s Sub) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subs[what] = s
	if c.cur != nil && c.cur.open {
		c.cur.subscribe(map[string]Sub{what: s})
	}
}

// Got says that a version of a map has arrived: the next one is wanted, or none.
//
// Implements:
//
//	MonClient::sub_got
func (c *Client) Got(what string, version uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got(what, version)
}

func (c *Client) got(what string, version uint64) {
	s, ok := c.subs[what]
	switch {
	case !ok || s.Start > version:
	case s.OneTime:
		delete(c.subs, what)
	default:
		s.Start = version + 1
		c.subs[what] = s
	}
}

// Unsubscribe gives up a map: the next monitor is not asked for it.
//
// Implements:
//
//	MonClient::sub_unwant
func (c *Client) Unsubscribe(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, what)
}
