// SPDX-License-Identifier: Apache-2.0

package pool

import "context"

// List is buffers one behind the other: a scatter list, seen as one stream of
// bytes. It is what the Buffers of a message of package xio can be set to, which
// takes up to xio.MaxSegments of them.
//
// A list is a plain slice: its methods do not guard it, and copies of it share
// the references to the buffers.
type List []*Buffer

// GetList gets buffers of the given sizes from src, all or none. The list
// belongs to the caller until its Release.
//
// The buffers are got one after the other: callers that together want more than
// the pool's limit may each hold a part and wait for the rest, until ctx ends. The
// errors are those of [Pool.Get].
func GetList(ctx context.Context, src Source, sizes ...int) (List, error) {
	l := make(List, 0, len(sizes))
	for _, n := range sizes {
		b, err := src.Get(ctx, n)
		if err != nil {
			l.Release()
			return nil, err
		}
		l = append(l, b)
	}
	return l, nil
}

// Len is the length of all buffers together, in bytes.
func (l List) Len() int {
	n := 0
	for _, b := range l {
		n += b.Len()
	}
	return n
}

// Segments appends the memory of the buffers to dst; it stays valid until the
// list's Release. net.Buffers(l.Segments(nil)) writes it to a socket in one
// system call.
func (l List) Segments(dst [][]byte) [][]byte {
	for _, b := range l {
		dst = append(dst, b.Bytes())
	}
	return dst
}

// Reader reads the list's bytes. The buffers still belong to who holds the list,
// who must not release them before the last read.
func (l List) Reader() *Reader {
	r := new(Reader)
	r.ResetList(l)
	return r
}

// Retain adds a reference to every buffer, for one more Release of the list.
func (l List) Retain() {
	for _, b := range l {
		b.Retain()
	}
}

// Release drops one reference of every buffer. The list, and what came from it,
// must not be used afterwards by whoever held that reference.
func (l List) Release() {
	for _, b := range l {
		b.Release()
	}
}

// Even is the sizes of up to n segments that hold total bytes in equal parts,
// the last one smaller if they do not come out even.
func Even(total, n int) []int {
	if total < 1 || n < 1 {
		return nil
	}
	part := (total + n - 1) / n
	var sizes []int
	for ; total > part; total -= part {
		sizes = append(sizes, part)
	}
	return append(sizes, total)
}

// Growing is the sizes of up to n segments that hold total bytes, each as large
// as all before it together: little data then takes little memory, and much
// takes few segments. If total is a power of two, so is each segment.
func Growing(total, n int) []int {
	if total < 1 || n < 1 {
		return nil
	}
	sizes := make([]int, n)
	for i := n - 1; i > 0 && total > 1; i-- {
		sizes[i] = total - total/2
		total /= 2
		n = i
	}
	sizes[n-1] = total
	return sizes[n-1:]
}

// Fit is the sizes of up to n segments that hold total bytes in the pool's
// blocks with the least memory, in as few segments as that takes. It fails with
// ErrSize where n segments cannot hold them.
func (p *Pool) Fit(total, n int) ([]int, error) {
	var best []int
	least := 0
	for k := 1; k <= n; k++ {
		sizes, used, ok := p.fit(total, k)
		if ok && (best == nil || used < least) {
			best, least = sizes, used
		}
	}
	if best == nil {
		return nil, ErrSize
	}
	return best, nil
}

// fit fills whole blocks, the largest first, with all but the last of n
// segments.
func (p *Pool) fit(total, n int) (sizes []int, used int, ok bool) {
	for k := len(p.sizes) - 1; len(sizes) < n-1 && total > 0 && k >= 0; {
		if !p.fits[k] || p.sizes[k] > total {
			k--
			continue
		}
		sizes = append(sizes, p.sizes[k])
		used += p.sizes[k]
		total -= p.sizes[k]
	}
	if total == 0 {
		return sizes, used, len(sizes) > 0
	}
	k, err := p.classFor(total)
	if err != nil {
		return nil, 0, false
	}
	return append(sizes, total), used + p.sizes[k], true
}
