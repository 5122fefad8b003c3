// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"fmt"
	"maps"
	"sync"
)

// Registry knows the message types that a messenger takes: the set is closed, and a
// peer that sends another type loses its connection. Safe for concurrent use.
type Registry struct {
	mu    sync.RWMutex
	types map[MsgType]msgEntry
}

type msgEntry struct {
	version, compat uint16
	make            func() Message
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry { return &Registry{types: make(map[MsgType]msgEntry)} }

// Register adds a type by a function that makes an empty message of it. The version
// that this message has is the newest known: messages that need a newer reader are
// refused. oldest is the oldest version that can still be read. Registering a type
// twice panics.
func (r *Registry) Register(oldest uint16, make func() Message) {
	h := make().Base().Header()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.types[h.Type]; ok {
		panic(fmt.Sprintf("messenger: message type %d registered twice", h.Type))
	}
	r.types[h.Type] = msgEntry{h.Version, oldest, make}
}

// Clone is a copy that can be added to without changing r.
func (r *Registry) Clone() *Registry {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return &Registry{types: maps.Clone(r.types)}
}

// New makes an empty message for a header. It fails with a [Fault] for a type that
// is not known, and for a version that this side cannot read.
func (r *Registry) New(h *MsgHeader) (Message, error) {
	r.mu.RLock()
	e, ok := r.types[h.Type]
	r.mu.RUnlock()
	switch {
	case !ok:
		return nil, NewFault(ErrUnknownType, nil, fmt.Sprintf("type %d", h.Type))
	case h.CompatVersion > e.version:
		return nil, NewFault(ErrUnknownType, nil,
			fmt.Sprintf("type %d needs version %d, known is %d", h.Type, h.CompatVersion, e.version))
	case h.Version < e.compat:
		return nil, NewFault(ErrUnknownType, nil,
			fmt.Sprintf("type %d of version %d, oldest known is %d", h.Type, h.Version, e.compat))
	}
	return e.make(), nil
}
