// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"sync"
	"sync/atomic"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// session is what a connection's application object is.
type session struct{ count atomic.Int64 }

// counted is how many messages have come on a connection since its session began.
func counted(c messenger.Connection) int {
	if s, ok := c.Priv().(*session); ok {
		return int(s.count.Load())
	}
	return 0
}

// fake is the dispatcher of the tests: it counts, echoes and remembers. Pings are
// fast dispatched.
type fake struct {
	messenger.BaseDispatcher
	echo bool // answers every ping
	slow bool // pings too go through the queue

	// onMessage, if not nil, takes over every message.
	onMessage func(messenger.Message)
	auth      atomic.Pointer[messenger.Auth]

	connects, accepts, resets, remoteResets, refusals atomic.Int64

	mu       sync.Mutex
	accepted []messenger.Connection
	reset    []messenger.Connection
	notes    []received
	pre      int
}

// received is what is remembered of a note.
type received struct {
	seq  uint64
	n    uint32
	text string
	conn messenger.Connection
}

func newFake() *fake {
	d := new(fake)
	d.use(messenger.AuthNone{})
	return d
}

// use makes the dispatcher authenticate so.
func (d *fake) use(a messenger.Auth) { d.auth.Store(&a) }

func (d *fake) CanFastDispatchAny() bool { return true }

func (d *fake) CanFastDispatch(m messenger.Message) bool {
	return !d.slow && m.Base().Type() == messages.TypePing
}

func (d *fake) FastPreprocess(messenger.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pre++
}

func (d *fake) FastDispatch(m messenger.Message) { d.handle(m) }

func (d *fake) Dispatch(m messenger.Message) bool {
	d.handle(m)
	return true
}

func (d *fake) handle(m messenger.Message) {
	if d.onMessage != nil {
		d.onMessage(m)
		return
	}
	d.count(m)
	m.Base().Release()
}

// count does what the dispatcher does with a message, but for its release.
func (d *fake) count(m messenger.Message) {
	b := m.Base()
	c := b.Connection()
	if n, ok := m.(*note); ok {
		d.mu.Lock()
		d.notes = append(d.notes, received{b.Seq(), n.n, n.text, c})
		d.mu.Unlock()
	}
	if s, ok := c.Priv().(*session); ok {
		s.count.Add(1)
	}
	if d.echo && b.Type() == messages.TypePing {
		_ = c.Messenger().SendReply(m, messages.NewPing())
	}
}

func (d *fake) begin(c messenger.Connection) {
	if c.Priv() == nil {
		c.SetPriv(new(session))
	}
}

func (d *fake) HandleFastConnect(c messenger.Connection) { d.begin(c) }
func (d *fake) HandleFastAccept(c messenger.Connection)  { d.begin(c) }
func (d *fake) HandleConnect(messenger.Connection)       { d.connects.Add(1) }

func (d *fake) HandleAccept(c messenger.Connection) {
	d.mu.Lock()
	d.accepted = append(d.accepted, c)
	d.mu.Unlock()
	d.accepts.Add(1)
}

func (d *fake) HandleReset(c messenger.Connection) bool {
	d.mu.Lock()
	d.reset = append(d.reset, c)
	d.mu.Unlock()
	d.resets.Add(1)
	return true
}

func (d *fake) HandleRemoteReset(c messenger.Connection) {
	c.SetPriv(new(session))
	d.remoteResets.Add(1)
}

func (d *fake) HandleRefused(messenger.Connection) bool {
	d.refusals.Add(1)
	return true
}

func (d *fake) GetAuthorizer(peer messenger.EntityType, forceNew bool) messenger.Authorizer {
	return (*d.auth.Load()).Authorizer(aClient, peer, forceNew)
}

func (d *fake) VerifyAuthorizer(_ messenger.Connection, peer messenger.EntityType, protocol uint32) messenger.AuthVerifier {
	return (*d.auth.Load()).Verifier(peer, protocol)
}

// lastAccepted is the newest connection of a peer.
func (d *fake) lastAccepted() messenger.Connection {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.accepted) == 0 {
		return nil
	}
	return d.accepted[len(d.accepted)-1]
}

// got is the notes so far.
func (d *fake) got() []received {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]received(nil), d.notes...)
}

// numbers is the numbers of the notes so far.
func (d *fake) numbers() []uint32 {
	list := []uint32{}
	for _, r := range d.got() {
		list = append(list, r.n)
	}
	return list
}
