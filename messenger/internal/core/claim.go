// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"

	"github.com/accelio/accelio-go/messenger"
)

// Claim is what one received message has taken of the throttles. The messages' and
// the bytes' are held until the message is released, the messenger's own until it
// has been dispatched.
type Claim struct {
	messages, bytes, dispatch *messenger.Throttle
	n                         int64
}

// released gives back what is held until the end.
func (c Claim) released() {
	c.messages.Put(1)
	c.bytes.Put(c.n)
}

// dispatched gives back what is held until dispatch.
func (c Claim) dispatched() { c.dispatch.Put(c.n) }

// Cancel gives everything back: the message does not come.
func (c Claim) Cancel() {
	c.dispatched()
	c.released()
}

// demand is what a message of n bytes takes, in Ceph's order.
func (m *Messenger) demand(p *messenger.Policy, n int64) [3]struct {
	t *messenger.Throttle
	n int64
} {
	return [...]struct {
		t *messenger.Throttle
		n int64
	}{{p.ThrottlerMessages, 1}, {p.ThrottlerBytes, n}, {m.throttle, n}}
}

// admit takes what a message of n bytes needs, if that takes no time.
func (m *Messenger) admit(p *messenger.Policy, n int64) (Claim, bool) {
	steps := m.demand(p, n)
	for i, s := range steps {
		if !s.t.TryGet(s.n) {
			for _, s := range steps[:i] {
				s.t.Put(s.n)
			}
			return Claim{}, false
		}
	}
	return Claim{p.ThrottlerMessages, p.ThrottlerBytes, m.throttle, n}, true
}

// admitWait takes it as soon as there is room.
func (m *Messenger) admitWait(ctx context.Context, p *messenger.Policy, n int64) (Claim, error) {
	steps := m.demand(p, n)
	for i, s := range steps {
		if err := s.t.Get(ctx, s.n); err != nil {
			for _, s := range steps[:i] {
				s.t.Put(s.n)
			}
			return Claim{}, err
		}
	}
	return Claim{p.ThrottlerMessages, p.ThrottlerBytes, m.throttle, n}, nil
}
