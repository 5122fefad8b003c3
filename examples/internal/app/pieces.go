// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"

	"github.com/accelio/accelio-go/pool"
)

// Pieces is a scatter list of n buffers of size bytes that begin with text. It
// belongs to the caller until its Release.
func Pieces(ctx context.Context, n, size int, text string) (pool.List, error) {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = size
	}
	list, err := pool.GetList(ctx, pool.Default(), sizes...)
	if err != nil {
		return nil, err
	}
	for _, b := range list {
		clear(b.Bytes())
		copy(b.Bytes(), text)
	}
	return list, nil
}
