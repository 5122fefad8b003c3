// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"encoding/binary"
	"time"
)

// Encoder appends values in Ceph's encoding: little endian, lengths and counts in
// 32 bits. The zero value is ready to use. One goroutine at a time.
type Encoder struct{ b []byte }

// NewEncoder makes an encoder that appends to b.
func NewEncoder(b []byte) *Encoder { return &Encoder{b} }

// Reset starts anew, behind b.
func (e *Encoder) Reset(b []byte) { e.b = b }

// Bytes is everything so far; it belongs to the encoder until the last append.
func (e *Encoder) Bytes() []byte { return e.b }

// Len is the length of everything so far.
func (e *Encoder) Len() int { return len(e.b) }

// Uint8 appends a u8.
func (e *Encoder) Uint8(v uint8) { e.b = append(e.b, v) }

// Uint16 appends a u16.
func (e *Encoder) Uint16(v uint16) { e.b = binary.LittleEndian.AppendUint16(e.b, v) }

// Uint32 appends a u32.
func (e *Encoder) Uint32(v uint32) { e.b = binary.LittleEndian.AppendUint32(e.b, v) }

// Uint64 appends a u64.
func (e *Encoder) Uint64(v uint64) { e.b = binary.LittleEndian.AppendUint64(e.b, v) }

// Int16 appends an s16.
func (e *Encoder) Int16(v int16) { e.Uint16(uint16(v)) }

// Int32 appends an s32.
func (e *Encoder) Int32(v int32) { e.Uint32(uint32(v)) }

// Int64 appends an s64.
func (e *Encoder) Int64(v int64) { e.Uint64(uint64(v)) }

// Bool appends one byte, 1 or 0.
func (e *Encoder) Bool(v bool) {
	if v {
		e.Uint8(1)
	} else {
		e.Uint8(0)
	}
}

// Raw appends bytes without a length.
func (e *Encoder) Raw(b []byte) { e.b = append(e.b, b...) }

// Zero appends n zero bytes.
func (e *Encoder) Zero(n int) { e.b = append(e.b, make([]byte, n)...) }

// Blob appends bytes behind their length.
func (e *Encoder) Blob(b []byte) {
	e.Uint32(uint32(len(b)))
	e.Raw(b)
}

// String appends a string behind its length.
func (e *Encoder) String(s string) {
	e.Uint32(uint32(len(s)))
	e.b = append(e.b, s...)
}

// Strings appends a vector of strings.
func (e *Encoder) Strings(v []string) {
	e.Uint32(uint32(len(v)))
	for _, s := range v {
		e.String(s)
	}
}

// Time appends a utime: seconds and nanoseconds since 1970, 32 bits each. The zero
// Time is zero.
func (e *Encoder) Time(t time.Time) {
	if t.IsZero() {
		e.Uint64(0)
		return
	}
	e.Uint32(uint32(t.Unix()))
	e.Uint32(uint32(t.Nanosecond()))
}

// Struct appends a versioned structure: version, oldest compatible version, the
// length of what body appends, and that.
func (e *Encoder) Struct(version, compat uint8, body func()) {
	e.Uint8(version)
	e.Uint8(compat)
	at := len(e.b)
	e.Uint32(0)
	body()
	binary.LittleEndian.PutUint32(e.b[at:], uint32(len(e.b)-at-4))
}
