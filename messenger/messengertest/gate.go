// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"context"
	"errors"
	"sync"

	"github.com/accelio/accelio-go/messenger"
)

// ErrGate is what steps fail with.
var ErrGate = errors.New("messengertest: failed by a gate")

// Gate is an Interceptor that stops, or fails, chosen steps. The zero value lets
// everything through. It is safe for concurrent use; one Gate may serve several
// messengers.
type Gate struct {
	mu    sync.Mutex
	rules []*Hold
	seen  map[messenger.Step]int
}

// Match says whether a rule is about a point.
type Match func(messenger.Point) bool

// At matches a step on a messenger, on its connecting or its accepting side.
func At(step messenger.Step, m messenger.Messenger, accepting bool) Match {
	return func(p messenger.Point) bool {
		return p.Step == step && p.Messenger == m && p.Accepting == accepting
	}
}

// Hold is a rule of a Gate: it stops what matches until it is told what to do.
type Hold struct {
	match   Match
	skip    int // matches to let through first
	left    int // matches it is for
	reached chan struct{}
	once    sync.Once
	open    chan struct{}
	err     error
	release sync.Once
}

// Pause stops the first step that matches.
func (g *Gate) Pause(m Match) *Hold {
	h := &Hold{match: m, left: 1, reached: make(chan struct{}), open: make(chan struct{})}
	g.add(h)
	return h
}

// Fail makes n steps that match fail, after letting skip of them through.
func (g *Gate) Fail(m Match, skip, n int) *Hold {
	h := &Hold{match: m, skip: skip, left: n, reached: make(chan struct{}), open: make(chan struct{})}
	h.finish(ErrGate)
	g.add(h)
	return h
}

func (g *Gate) add(h *Hold) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rules = append(g.rules, h)
}

// Reached is closed when a step has come to the rule.
func (h *Hold) Reached() <-chan struct{} { return h.reached }

// Continue lets the step go on.
func (h *Hold) Continue() { h.finish(nil) }

// Break makes the step fail.
func (h *Hold) Break() { h.finish(ErrGate) }

func (h *Hold) finish(err error) {
	h.release.Do(func() {
		h.err = err
		close(h.open)
	})
}

// Seen is how often a step has been come to.
func (g *Gate) Seen(s messenger.Step) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen[s]
}

// Intercept implements messenger.Interceptor.
func (g *Gate) Intercept(ctx context.Context, p messenger.Point) error {
	h := g.find(p)
	if h == nil {
		return nil
	}
	h.once.Do(func() { close(h.reached) })
	select {
	case <-h.open:
		return h.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Gate) find(p messenger.Point) *Hold {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen == nil {
		g.seen = make(map[messenger.Step]int)
	}
	g.seen[p.Step]++
	for _, h := range g.rules {
		if h.left == 0 || !h.match(p) {
			continue
		}
		if h.skip > 0 {
			h.skip--
			continue
		}
		h.left--
		return h
	}
	return nil
}
