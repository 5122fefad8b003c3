// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// held is a buffer that the model knows to be out.
type held struct {
	b     *Buffer
	class int
	refs  int
	tag   uint64
}

// model is what a pool should be, in the plainest terms.
type model struct {
	t      *testing.T
	rnd    *rand.Rand
	p      *Pool
	cfg    Config // normal
	caches []*Cache
	held   []*held
	gets   uint64
	tag    uint64
}

// mark writes the tag all over the buffer, check finds out whether it is still
// there.
func (m *model) mark(h *held) {
	b := h.b.Bytes()
	for i := 0; i+8 <= len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], h.tag)
	}
}

func (m *model) check(h *held) {
	b := h.b.Bytes()
	for i := 0; i+8 <= len(b); i += 8 {
		if got := binary.LittleEndian.Uint64(b[i:]); got != h.tag {
			require.Equal(m.t, h.tag, got, "written by another")
		}
	}
}

func (m *model) get() {
	n := 1 + m.rnd.IntN(70<<10)
	if m.rnd.IntN(2) == 0 {
		n = 1 + m.rnd.IntN(2000)
	}
	var src Source = m.p
	if k := m.rnd.IntN(len(m.caches) + 1); k > 0 {
		src = m.caches[k-1]
	}
	class := 0
	for class < len(m.cfg.Classes) && m.cfg.Classes[class].Size < n {
		class++
	}
	b, err := src.TryGet(n)
	if class == len(m.cfg.Classes) {
		require.ErrorIs(m.t, err, ErrSize)
		return
	}
	if err != nil {
		require.ErrorIs(m.t, err, ErrExhausted)
		m.justified(class)
		return
	}
	require.Equal(m.t, n, b.Len())
	require.Equal(m.t, m.cfg.Classes[class].Size, b.Cap())
	m.gets++
	m.tag++
	h := &held{b: b, class: class, refs: 1, tag: m.tag}
	m.mark(h)
	m.held = append(m.held, h)
}

// justified checks that there really was no block to be had.
func (m *model) justified(class int) {
	s := m.p.Stats()
	c, cfg := s.Classes[class], m.cfg.Classes[class]
	require.Zero(m.t, c.Free)
	require.Zero(m.t, c.Cached)
	if cfg.Max > 0 && c.Blocks == cfg.Max {
		return
	}
	pinned := int64(0)
	for _, c := range m.cfg.Classes {
		pinned += preallocBytes(c, m.p.page)
	}
	require.Zero(m.t, s.Cached, "caches have been asked")
	require.LessOrEqual(m.t, s.Idle, pinned, "idle memory has been given back")
	require.Greater(m.t, s.Held+roundUp(int64(cfg.Size), m.p.page), s.Limit)
}

func (m *model) release() {
	if len(m.held) == 0 {
		return
	}
	i := m.rnd.IntN(len(m.held))
	h := m.held[i]
	m.check(h)
	h.b.Release()
	if h.refs--; h.refs == 0 {
		m.held[i] = m.held[len(m.held)-1]
		m.held = m.held[:len(m.held)-1]
	}
}

func (m *model) retain() {
	if len(m.held) > 0 {
		h := m.held[m.rnd.IntN(len(m.held))]
		h.b.Retain()
		h.refs++
	}
}

func (m *model) cache() {
	if len(m.caches) < 3 {
		c, err := m.p.NewCache(1 << (10 + m.rnd.IntN(8)))
		require.NoError(m.t, err)
		m.caches = append(m.caches, c)
		return
	}
	i := m.rnd.IntN(len(m.caches))
	require.NoError(m.t, m.caches[i].Close())
	m.caches = append(m.caches[:i], m.caches[i+1:]...)
}

func (m *model) trim() {
	before := m.p.Stats()
	keep := m.rnd.Int64N(300 << 10)
	freed := m.p.Trim(keep)
	after := m.p.Stats()
	require.Equal(m.t, before.Held-after.Held, freed)
	require.Zero(m.t, after.Cached)
}

// compare checks the pool's account against the model's.
func (m *model) compare() {
	s := m.p.Stats()
	checkStats(m.t, m.p, s)
	out := make([]int, len(m.cfg.Classes))
	for _, h := range m.held {
		out[h.class]++
	}
	for k, c := range s.Classes {
		require.Equal(m.t, out[k], c.InUse)
		require.GreaterOrEqual(m.t, c.Blocks, m.cfg.Classes[k].Prealloc)
	}
	require.Equal(m.t, m.gets, s.Gets)
	kept := int64(0)
	for _, c := range m.caches {
		kept += c.limit
	}
	require.LessOrEqual(m.t, s.Cached, kept)
}

// Random use of a pool and its caches, step by step against a model.
func TestModel(t *testing.T) {
	configs := []Config{
		{Limit: 1 << 20, Keep: 100 << 10},
		{Limit: 700_000, Keep: -1, Classes: Sizes(100, 777, 5000, 66000)},
		{Limit: 2 << 20, Classes: []Class{{Size: 512, Max: 30, Prealloc: 7}, {Size: 2048, Grow: 3}, {Size: 65 << 10, Max: 9, Prealloc: 1}}},
		{Limit: 8 << 20, Keep: 2 << 20, HugePages: true},
	}
	steps := 5000
	if debug {
		steps = 2000
	}
	for i, cfg := range configs {
		seed := rand.Uint64()
		p := newPool(t, cfg)
		normal, err := cfg.normal()
		require.NoError(t, err)
		m := &model{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), p: p, cfg: normal}
		t.Logf("config %d, seed %d", i, seed)
		likes := 6 // how much it likes to get; changes, so that the limit is met and left
		for step := range steps {
			if step%500 == 0 {
				likes = 3 + m.rnd.IntN(6)
			}
			switch x := m.rnd.IntN(100); {
			case x == 0:
				m.cache()
			case x == 1:
				m.trim()
			case x < 6:
				m.retain()
			case m.rnd.IntN(10) < likes:
				m.get()
			default:
				m.release()
			}
			m.compare()
		}
		for len(m.held) > 0 {
			m.release()
		}
		for len(m.caches) > 0 {
			require.NoError(t, m.caches[0].Close())
			m.caches = m.caches[1:]
		}
		m.compare()
	}
}
