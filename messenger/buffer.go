// SPDX-License-Identifier: Apache-2.0

package messenger

// Buffer is a counted piece of memory that a message's data lies in. A buffer of
// package pool is one, and is sent without a copy by a messenger that can; memory of
// a received message is one as well. Methods may be called from any goroutine.
type Buffer interface {
	// Bytes is the memory, valid until the last Release.
	Bytes() []byte
	// Retain adds a reference.
	Retain()
	// Release drops a reference.
	Release()
}

// BytesBuffer is Go memory as a Buffer. The garbage collector counts for it.
type BytesBuffer []byte

// Bytes is the memory.
func (b BytesBuffer) Bytes() []byte { return b }

// Retain does nothing.
func (b BytesBuffer) Retain() {}

// Release does nothing.
func (b BytesBuffer) Release() {}
