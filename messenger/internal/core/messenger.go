// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// Messenger implements messenger.Messenger on a Transport.
type Messenger struct {
	cfg       messenger.Config
	transport Transport
	types     *messenger.Registry
	log       *slog.Logger

	// ctx ends with Shutdown, and with it whatever waits.
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // of goroutines that end by themselves once ctx has

	policies    policies
	dispatchers dispatchers
	queue       *dispatchQueue
	throttle    *messenger.Throttle // of dispatch
	loop        *loopback
	globalSeq   atomic.Uint32

	mu       sync.Mutex
	state    state
	addr     messenger.EntityAddr // our own
	extra    messenger.AddrVec    // others of the same entity
	bound    bool
	conns    map[messenger.EntityAddr]*Conn // by the peer's address
	all      map[*Conn]struct{}
	halfOpen []*halfOpen
	rebinds  sync.Mutex

	done  chan struct{} // closed when Wait may return
	end   sync.Once
	outer messenger.Messenger
}

type state int

const (
	stateNew state = iota
	stateStarted
	stateStopping
)

// Defaults of a Config.
const (
	defaultMaxMessage       = 128 << 20
	defaultDispatchThrottle = 100 << 20
	defaultQueueMessages    = 65536
	defaultQueueBytes       = 1 << 30
	defaultHalfOpen         = 1024
	defaultHandshake        = 10 * time.Second
	defaultIdle             = 15 * time.Minute
	defaultInitialBackoff   = 200 * time.Millisecond
	defaultMaxBackoff       = 15 * time.Second
)

// New makes a messenger. outer is what applications see of it; nil is m itself.
func New(cfg messenger.Config, t Transport, outer func(*Messenger) messenger.Messenger) *Messenger {
	def(&cfg.MaxMessage, defaultMaxMessage)
	def(&cfg.DispatchThrottleBytes, defaultDispatchThrottle)
	def(&cfg.QueueMessages, defaultQueueMessages)
	def(&cfg.QueueBytes, defaultQueueBytes)
	def(&cfg.MaxHalfOpen, defaultHalfOpen)
	def(&cfg.HandshakeTimeout, defaultHandshake)
	def(&cfg.IdleTimeout, defaultIdle)
	def(&cfg.InitialBackoff, defaultInitialBackoff)
	def(&cfg.MaxBackoff, defaultMaxBackoff)
	if cfg.ProtocolVersion == nil {
		cfg.ProtocolVersion = messenger.CephProtocolVersion
	}
	if cfg.Registry == nil {
		cfg.Registry = messenger.NewRegistry()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	nonce := cfg.Nonce
	for nonce == 0 && !cfg.FixedNonce {
		nonce = rand.Uint32()
	}
	m := &Messenger{
		cfg:       cfg,
		transport: t,
		types:     cfg.Registry,
		log:       cfg.Logger.With("messenger", cfg.Name.String()),
		addr:      messenger.EntityAddr{Type: t.AddrType(), Nonce: nonce},
		conns:     make(map[messenger.EntityAddr]*Conn),
		all:       make(map[*Conn]struct{}),
		throttle:  messenger.NewThrottle("dispatch", max(cfg.DispatchThrottleBytes, 0)),
		done:      make(chan struct{}),
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.policies.init()
	m.outer = m
	if outer != nil {
		m.outer = outer(m)
	}
	m.queue = newDispatchQueue(m)
	m.loop = newLoopback(m)
	return m
}

// def sets what is zero.
func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Name implements messenger.Messenger.
func (m *Messenger) Name() messenger.EntityName { return m.cfg.Name }

// AddrType implements messenger.Messenger.
func (m *Messenger) AddrType() messenger.AddrType { return m.transport.AddrType() }

// Addrs implements messenger.Messenger.
func (m *Messenger) Addrs() messenger.AddrVec {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append(messenger.AddrVec{m.addr}, m.extra...)
}

// SetOtherAddrs implements messenger.Messenger.
func (m *Messenger) SetOtherAddrs(v messenger.AddrVec) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.extra = append(messenger.AddrVec(nil), v...)
}

// self is what this side says it is.
func (m *Messenger) self() Identity {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Identity{Name: m.cfg.Name, Addr: m.addr, Addrs: append(messenger.AddrVec{m.addr}, m.extra...)}
}

// learn takes the IP, and nothing else, from how a peer sees us, if we do not know
// it yet.
//
// Implements: Messenger::learned_addr
func (m *Messenger) learn(seen messenger.EntityAddr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.addr.IsBlankIP() && !seen.IsBlankIP() {
		m.addr = m.addr.WithIP(seen.Addr.Addr())
	}
}

// nextGlobalSeq numbers an attempt, above what a peer asks for.
func (m *Messenger) nextGlobalSeq(above uint32) uint32 {
	for {
		old := m.globalSeq.Load()
		if next := max(old, above) + 1; m.globalSeq.CompareAndSwap(old, next) {
			return next
		}
	}
}

// spawn runs f unless the messenger is stopping. Wait waits for it.
func (m *Messenger) spawn(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == stateStopping {
		return false
	}
	m.wg.Go(f)
	return true
}

// intercept calls a test's interceptor.
func (m *Messenger) intercept(ctx context.Context, step messenger.Step, c *Conn, peer messenger.EntityAddr, accepting bool) error {
	if m.cfg.Interceptor == nil {
		return nil
	}
	p := messenger.Point{Step: step, Messenger: m.outer, Peer: peer, Accepting: accepting}
	if c != nil {
		p.Conn = c
	}
	if err := m.cfg.Interceptor.Intercept(ctx, p); err != nil {
		return messenger.NewFault(messenger.ErrInjected, err, step.String())
	}
	return nil
}

// DispatchQueueLen implements messenger.Messenger.
func (m *Messenger) DispatchQueueLen() int { return m.queue.length() }

// DispatchQueueMaxAge implements messenger.Messenger.
func (m *Messenger) DispatchQueueMaxAge() time.Duration { return m.queue.maxAge() }

// SendReply implements messenger.Messenger.
func (m *Messenger) SendReply(request, reply messenger.Message) error {
	b := request.Base()
	return messenger.NewReplyTo(b.Connection(), b.Tid()).Reply(reply)
}

// SendMessage implements messenger.Messenger.
func (m *Messenger) SendMessage(msg messenger.Message, to messenger.EntityInst) error {
	c, err := m.GetConnection(to)
	if err != nil {
		refuse(msg, err)
		return err
	}
	return c.Send(msg)
}

// refuse ends a message that is not sent.
func refuse(msg messenger.Message, err error) {
	b := msg.Base()
	b.Settle(err)
	b.Release()
}
