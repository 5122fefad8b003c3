// SPDX-License-Identifier: Apache-2.0

package messenger

import "fmt"

// Messengers are the messengers of one entity that speaks several wire protocols at
// once, one for each type of address, with the same dispatchers. The types of a peer's
// addresses say what it speaks, and their order what it prefers: [Messengers.For] picks
// the messenger.
//
// What all of them have to be told is told here; anything else, such as policies, is said to
// each. The slice must not change once they are started; its methods are safe for
// concurrent use then.
type Messengers []Messenger

// For is the messenger that connects to an entity with these addresses: the one for the
// first address whose type any of them connects to. If there is none the error matches
// [ErrAddr].
func (s Messengers) For(addrs AddrVec) (Messenger, error) {
	for _, a := range addrs {
		for _, m := range s {
			if m.AddrType() == a.Type {
				return m, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: no messenger for any of %v", ErrAddr, addrs)
}

// ConnectTo returns the connection to an entity by [Messenger.ConnectTo] of the
// messenger that For picks.
func (s Messengers) ConnectTo(peer EntityType, addrs AddrVec) (Connection, error) {
	m, err := s.For(addrs)
	if err != nil {
		return nil, err
	}
	return m.ConnectTo(peer, addrs)
}

// Bind binds each address to the messenger for its type, and announces them. After an
// error some may be bound: shut all of them down.
func (s Messengers) Bind(addrs ...EntityAddr) error {
	for _, a := range addrs {
		m, err := s.For(AddrVec{a})
		if err != nil {
			return err
		}
		if err := m.Bind(a); err != nil {
			return err
		}
	}
	s.Announce()
	return nil
}

// Addrs are the entity's addresses that peers can connect to, in the order of the
// messengers.
func (s Messengers) Addrs() AddrVec {
	var v AddrVec
	for _, m := range s {
		if a := m.Addrs()[0]; a.Port() != 0 {
			v = append(v, a)
		}
	}
	return v
}

// Announce lets each messenger tell its peers of the others' addresses. Call it after the
// Rebind of one of them.
func (s Messengers) Announce() {
	all := s.Addrs()
	for _, m := range s {
		own := m.Addrs()[0]
		var others AddrVec
		for _, a := range all {
			if a != own {
				others = append(others, a)
			}
		}
		m.SetOtherAddrs(others)
	}
}

// AddDispatcherTail adds a dispatcher to all of them, before the start.
func (s Messengers) AddDispatcherTail(d Dispatcher) {
	for _, m := range s {
		m.AddDispatcherTail(d)
	}
}

// Start starts all of them. After an error some may be started: shut all of them down.
func (s Messengers) Start() error {
	for _, m := range s {
		if err := m.Start(); err != nil {
			return err
		}
	}
	return nil
}

// Shutdown begins to end all of them, see [Messenger.Shutdown].
func (s Messengers) Shutdown() {
	for _, m := range s {
		m.Shutdown()
	}
}

// Wait returns when all of them have ended, see [Messenger.Wait].
func (s Messengers) Wait() {
	for _, m := range s {
		m.Wait()
	}
}
