// SPDX-License-Identifier: Apache-2.0

package cgo

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPages(t *testing.T) {
	require.Zero(t, Started())
	for _, huge := range []bool{false, true} {
		for _, node := range []int{-1, 0, 5000} {
			for _, n := range []int{1, 5000, 2 << 20, 3 << 20} {
				p, rc := AllocPages(n, huge, node)
				require.Zero(t, rc, "memory comes in any case")
				b := p.Bytes()
				require.Len(t, b, n)
				for i, x := range b {
					if x != 0 {
						t.Fatalf("byte %d is not zero", i)
					}
					b[i] = 1
				}
				align := uintptr(4096)
				if huge {
					align = 2 << 20
				}
				assert.Zero(t, p.Addr()%align)
				assert.NotNil(t, p.Region().mr, "registered")
				if on := BytesOnNode(p.Addr(), n, 0); on >= 0 {
					assert.LessOrEqual(t, on, int64(n+4095))
				}
				p.Free()
			}
		}
	}
	_, rc := AllocPages(0, true, -1)
	assert.NotZero(t, rc)
	_, rc = AllocPages(1<<60, true, 0)
	assert.NotZero(t, rc)
}

func TestNodes(t *testing.T) {
	assert.True(t, HasNode(0))
	assert.False(t, HasNode(-1))
	assert.False(t, HasNode(1<<20))
	assert.LessOrEqual(t, BytesOnNode(0, 4096, 0), int64(0), "nothing is mapped there")
}
