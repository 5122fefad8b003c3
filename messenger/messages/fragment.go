// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"encoding/binary"
	"errors"
)

// The layout of a data ping's fragment, as Ceph's test programs make it: the tag at its
// start, the counter and the fragment's number at its end.
const (
	minFragment    = 32
	fragmentAlign  = 8
	pageSize       = 4096
	pageAlignFrom  = 1024
	counterFromEnd = 32
	indexFromEnd   = 28
)

// errFragment: a fragment is not what a data ping's is.
var errFragment = errors.New("messages: not a fragment of a data ping")

// FragmentSize is the size of each of n fragments of a data ping of size bytes: at least
// 32, a multiple of 8, and of a page from 1,024 on.
func FragmentSize(size, n int) int {
	f := max((size+n-1)/n, minFragment)
	if f >= pageAlignFrom {
		return roundUp(f, pageSize)
	}
	return roundUp(f, fragmentAlign)
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// FillFragment writes tag, counter and number into a fragment of [FragmentSize].
func FillFragment(b []byte, tag string, counter, index uint32) {
	n := copy(b[:len(b)-counterFromEnd], tag)
	if n < len(b)-counterFromEnd {
		b[n] = 0
	}
	binary.LittleEndian.PutUint32(b[len(b)-counterFromEnd:], counter)
	binary.LittleEndian.PutUint32(b[len(b)-indexFromEnd:], index)
}

// CheckFragment looks whether a received fragment has that counter and number.
func CheckFragment(b []byte, counter, index uint32) error {
	if len(b) < minFragment ||
		binary.LittleEndian.Uint32(b[len(b)-counterFromEnd:]) != counter ||
		binary.LittleEndian.Uint32(b[len(b)-indexFromEnd:]) != index {
		return errFragment
	}
	return nil
}
