package xio

import "sync"

// watchers are the channels that are told of a connection's states.
type watchers struct {
	mu   sync.Mutex
	list []chan State
	over bool
}

// watchDepth is more states than a connection without reconnects has.
const watchDepth = 8

// Watch returns a channel on which the connection's states arrive, the present
// one first; it is closed behind StateClosed. Who reads too slowly while the
// connection reconnects over and over misses older states, never the newest. Every
// call makes a channel of its own; none needs to be read or given back.
func (c *Connection) Watch() <-chan State {
	w := &c.watchers
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := make(chan State, watchDepth)
	ch <- c.State()
	if w.over {
		close(ch)
		return ch
	}
	w.list = append(w.list, ch)
	return ch
}

// tell passes a state on. Driver only.
func (w *watchers) tell(s State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ch := range w.list {
		select {
		case ch <- s:
			continue
		default:
		}
		select {
		case <-ch:
		default:
		}
		ch <- s
	}
	if s == StateClosed {
		for _, ch := range w.list {
			close(ch)
		}
		w.list, w.over = nil, true
	}
}
