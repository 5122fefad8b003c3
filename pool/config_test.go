// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConfigErrors(t *testing.T) {
	many := make([]Class, MaxClasses+1)
	for i := range many {
		many[i].Size = Align * (i + 1)
	}
	for _, tc := range []struct {
		name  string
		cfg   Config
		field string
		value int64
		err   error
	}{
		{"negative limit", Config{Limit: -1}, "Limit", -1, ErrSize},
		{"size zero", Config{Classes: Sizes(64, 0)}, "Classes[1].Size", 0, ErrSize},
		{"negative size", Config{Classes: Sizes(-4096)}, "Classes[0].Size", -4096, ErrSize},
		{"too large a size", Config{Classes: Sizes(MaxBuffer + 1)}, "Classes[0].Size", MaxBuffer + 1, ErrSize},
		{"largest int", Config{Classes: Sizes(math.MaxInt)}, "Classes[0].Size", math.MaxInt, ErrSize},
		{"same size twice", Config{Classes: Sizes(128, 64, 128)}, "Classes[2].Size", 128, ErrSize},
		{"same size when rounded", Config{Classes: Sizes(100, 128)}, "Classes[1].Size", 128, ErrSize},
		{"too many", Config{Classes: many}, "Classes", MaxClasses + 1, ErrSize},
		{"negative max", Config{Classes: []Class{{Size: 64, Max: -1}}}, "Classes[0].Max", -1, ErrSize},
		{"negative grow", Config{Classes: []Class{{Size: 64, Grow: -2}}}, "Classes[0].Grow", -2, ErrSize},
		{"negative prealloc", Config{Classes: []Class{{Size: 64, Prealloc: -3}}}, "Classes[0].Prealloc", -3, ErrSize},
		{"prealloc above max", Config{Classes: []Class{{Size: 64, Prealloc: 3, Max: 2}}}, "Classes[0].Prealloc", 3, ErrSize},
		{"prealloc above limit", Config{Limit: 1 << 20, Classes: []Class{{Size: 1 << 20, Prealloc: 2}}}, "Classes[0].Prealloc", 2, ErrSize},
		{"preallocs above limit", Config{Limit: 1 << 20, Classes: []Class{{Size: 64 << 10, Prealloc: 9}, {Size: 128 << 10, Prealloc: 4}}}, "Classes[1].Prealloc", 4, ErrSize},
		{"prealloc overflows", Config{Limit: math.MaxInt64, Classes: []Class{{Size: MaxBuffer, Prealloc: math.MaxInt}}}, "Classes[0].Prealloc", math.MaxInt, ErrSize},
		{"prealloc below limit but for huge pages", Config{Limit: 1 << 20, HugePages: true, Classes: []Class{{Size: 64, Prealloc: 1}}}, "Classes[0].Prealloc", 1, ErrSize},
		{"negative node", Config{Node: OnNode(-2)}, "Node", -2, ErrNode},
		{"no such node", Config{Node: OnNode(1 << 20)}, "Node", 1 << 20, ErrNode},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(tc.cfg)
			require.ErrorIs(t, err, tc.err)
			var ce *ConfigError
			require.ErrorAs(t, err, &ce)
			assert.Equal(t, tc.field, ce.Field)
			assert.Equal(t, tc.value, ce.Value)
			assert.Contains(t, err.Error(), tc.field)
		})
	}
}

func TestConfigIsNotChanged(t *testing.T) {
	cfg := Config{Classes: Sizes(5000, 100)}
	newPool(t, cfg)
	assert.Equal(t, Sizes(5000, 100), cfg.Classes)
}

func TestNode(t *testing.T) {
	assert.Equal(t, -1, Node{}.Number())
	assert.Equal(t, Node{}, OnNode(-1))
	assert.Equal(t, 3, OnNode(3).Number())
}

func TestClassSizes(t *testing.T) {
	p := newPool(t, Config{Classes: Sizes(9000, 1, 4160, 300000)})
	for _, tc := range []struct{ n, cap int }{
		{1, 64}, {64, 64}, {65, 4160}, {4096, 4160}, {4160, 4160}, {4161, 9024},
		{9024, 9024}, {9025, 300032}, {300032, 300032},
	} {
		b, err := p.TryGet(tc.n)
		require.NoError(t, err)
		assert.Equal(t, tc.cap, b.Cap(), tc.n)
		assert.EqualValues(t, tc.cap, p.Stats().InUse)
		b.Release()
	}
	_, err := p.TryGet(300033)
	require.ErrorIs(t, err, ErrSize, "above the largest class")

	var sizes []int
	for _, c := range p.Stats().Classes {
		sizes = append(sizes, c.Size)
	}
	assert.Equal(t, []int{64, 4160, 9024, 300032}, sizes)
}

// The class of every size is the one a plain search finds.
func TestClassForEverySize(t *testing.T) {
	for _, sizes := range [][]int{
		{64}, {1000, 1024, 1025, 2047, 2048, 3000, 5000}, {MaxBuffer}, {192, MaxBuffer - Align},
	} {
		cfg, err := Config{Classes: Sizes(sizes...)}.normal()
		if err != nil { // sizes that are the same when rounded
			var ce *ConfigError
			require.True(t, errors.As(err, &ce))
			sizes = []int{1024, 1088, 2048, 3008, 5056}
			cfg, err = Config{Classes: Sizes(sizes...)}.normal()
			require.NoError(t, err)
		}
		var l layout
		l.init(cfg)
		check := func(n int) {
			want := slices.IndexFunc(l.sizes, func(s int) bool { return n <= s })
			k, err := l.classFor(n)
			if want < 0 || n < 1 {
				require.ErrorIs(t, err, ErrSize, n)
				return
			}
			require.NoError(t, err, n)
			require.Equal(t, want, k, n)
		}
		for n := -1; n <= 6000; n++ {
			check(n)
		}
		for _, n := range append(l.sizes, MaxBuffer, MaxBuffer+1, math.MaxInt, math.MinInt) {
			check(n - 1)
			check(n)
			check(n + 1)
		}
	}
}
