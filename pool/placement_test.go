// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Memory comes whatever the machine has, and what is said of it is possible.
func TestHugePages(t *testing.T) {
	p := newPool(t, Config{Limit: 16 << 20, HugePages: true})
	l := get(t, p, 1, 3<<20, 2<<20)
	for _, b := range l {
		require.Zero(t, b.Bytes()[0])
		require.Zero(t, b.Bytes()[b.Len()-1])
		for i := range b.Bytes() {
			b.Bytes()[i] = 0xFF
		}
	}
	s := p.Stats()
	assert.EqualValues(t, (2+4+2)<<20, s.Held, "regions are multiples of a huge page")
	assert.Equal(t, 2048, s.Classes[0].Blocks)
	where := p.Placement()
	t.Logf("%+v", where)
	assert.Equal(t, s.Held, where.Held)
	assert.EqualValues(t, -1, where.OnNode)
	if where.Huge >= 0 { // the kernel tells
		assert.LessOrEqual(t, where.Huge, where.Held)
		assert.Zero(t, where.Huge%hugePage)
	}
	_, err := p.TryGet(32 << 20)
	require.ErrorIs(t, err, ErrSize)
	l.Release()
	p.Trim(0)
	where = p.Placement()
	assert.Zero(t, where.Held)
	assert.LessOrEqual(t, where.Huge, int64(0))
}

func TestOnNode(t *testing.T) {
	p := newPool(t, Config{Limit: 8 << 20, Node: OnNode(0)})
	l := get(t, p, 1000, 100_000, 1<<20)
	for _, b := range l {
		require.Zero(t, b.Bytes()[b.Len()-1])
	}
	where := p.Placement()
	t.Logf("%+v", where)
	assert.EqualValues(t, -1, where.Huge)
	assert.Equal(t, p.Stats().Held, where.Held)
	nodes, _ := filepath.Glob("/sys/devices/system/node/node[0-9]*")
	if where.OnNode >= 0 && len(nodes) == 1 {
		assert.Equal(t, where.Held, where.OnNode, "there is no other node")
	}
	l.Release()

	// Huge pages of a node.
	both := newPool(t, Config{Limit: 8 << 20, Node: OnNode(0), HugePages: true})
	get(t, both, 1<<20).Release()
	where = both.Placement()
	t.Logf("%+v", where)
	if where.OnNode >= 0 && len(nodes) == 1 {
		assert.Equal(t, where.Held, where.OnNode)
	}
}

func TestPlacementOfPlainMemoryIsUnknown(t *testing.T) {
	p := newPool(t, Config{})
	get(t, p, 4<<20).Release()
	assert.Equal(t, Placement{Held: 4 << 20, Huge: -1, OnNode: -1}, p.Placement())
}

// Without reserved huge pages, and where the kernel gives transparent ones on
// request, an idle machine has some to give.
func TestPlacedMemoryIsPlacedAndFreed(t *testing.T) {
	m, rc := cgo.AllocPages(4<<20, true, -1)
	require.Zero(t, rc)
	assert.Len(t, m.Bytes(), 4<<20)
	assert.Zero(t, m.Addr()%hugePage)
	huge, err := transparentHuge()
	require.NoError(t, err)
	before := huge[m.Addr()]
	t.Logf("reserved %v, transparent %d", m.Reserved(), before)
	assert.False(t, m.Reserved() && before > 0)
	at := m.Addr()
	m.Free()
	huge, err = transparentHuge()
	require.NoError(t, err)
	assert.Zero(t, huge[at], "given back")

	_, rc = cgo.AllocPages(0, true, -1)
	assert.NotZero(t, rc)
	_, rc = cgo.AllocPages(1<<60, true, 0)
	assert.NotZero(t, rc)
}

func TestParseSmaps(t *testing.T) {
	const text = `00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon
Size:                328 kB
KernelPageSize:        4 kB
AnonHugePages:         0 kB
VmFlags: rd ex mr mw me dw
7f0000200000-7f0000800000 rw-p 00000000 00:00 0
Size:               6144 kB
AnonHugePages:      4096 kB
VmFlags: rd wr mr mw me ac hg
7ffc0de00000-7ffc0de21000 rw-p 00000000 00:00 0          [stack]
AnonHugePages:  2048 kB
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]
AnonHugePages: many kB
`
	huge, err := parseSmaps(strings.NewReader(text))
	require.NoError(t, err)
	assert.Equal(t, map[uintptr]int64{0x7f0000200000: 4 << 20, 0x7ffc0de00000: 2 << 20}, huge)
}
