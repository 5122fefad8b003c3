// SPDX-License-Identifier: Apache-2.0

package core

import (
	"sync"
	"sync/atomic"

	"github.com/accelio/accelio-go/messenger"
)

// policies is the policies of a messenger, which are settled before its start.
type policies struct {
	mu       sync.Mutex
	def      messenger.Policy
	byType   map[messenger.EntityType]messenger.Policy
	priority atomic.Int32
}

func (p *policies) init() {
	p.def = messenger.Policy{ResetCheck: true}
	p.byType = make(map[messenger.EntityType]messenger.Policy)
	p.priority.Store(messenger.PriorityDefault)
}

func (p *policies) of(peer messenger.EntityType) messenger.Policy {
	p.mu.Lock()
	defer p.mu.Unlock()
	if policy, ok := p.byType[peer]; ok {
		return policy
	}
	return p.def
}

// unstarted runs f unless the messenger has been started.
func (m *Messenger) unstarted(f func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state != stateNew {
		return messenger.ErrStarted
	}
	m.policies.mu.Lock()
	defer m.policies.mu.Unlock()
	f()
	return nil
}

// SetDefaultPolicy implements messenger.Messenger.
func (m *Messenger) SetDefaultPolicy(p messenger.Policy) error {
	return m.unstarted(func() { m.policies.def = p })
}

// SetPolicy implements messenger.Messenger.
func (m *Messenger) SetPolicy(peer messenger.EntityType, p messenger.Policy) error {
	return m.unstarted(func() { m.policies.byType[peer] = p })
}

// SetPolicyThrottlers implements messenger.Messenger.
func (m *Messenger) SetPolicyThrottlers(peer messenger.EntityType, bytes, messages *messenger.Throttle) error {
	return m.unstarted(func() {
		p, ok := m.policies.byType[peer]
		if !ok {
			p = m.policies.def
		}
		p.ThrottlerBytes, p.ThrottlerMessages = bytes, messages
		m.policies.byType[peer] = p
	})
}

// PolicyOf implements messenger.Messenger.
func (m *Messenger) PolicyOf(peer messenger.EntityType) messenger.Policy { return m.policies.of(peer) }

// SetDefaultSendPriority implements messenger.Messenger.
func (m *Messenger) SetDefaultSendPriority(p int) error {
	return m.unstarted(func() { m.policies.priority.Store(int32(min(max(p, 1), messenger.PriorityHighest))) })
}
