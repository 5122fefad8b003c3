// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Errors of decoding, in a [DecodeError].
var (
	// ErrShort: the bytes end before what they announce.
	ErrShort = errors.New("bytes end too early")
	// ErrCompat: the structure needs a newer decoder.
	ErrCompat = errors.New("structure is too new")
	// ErrValue: a value is outside its range.
	ErrValue = errors.New("value out of range")
)

// DecodeError says where decoding failed. It unwraps to one of the errors above.
type DecodeError struct {
	Offset int // of the failure, in bytes
	Err    error
	Text   string // detail, may be empty
}

// Error implements error.
func (e *DecodeError) Error() string {
	s := fmt.Sprintf("messenger: decode at byte %d: %v", e.Offset, e.Err)
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Unwrap returns the reason.
func (e *DecodeError) Unwrap() error { return e.Err }

// Decoder reads Ceph's encoding from bytes that nobody vouches for. The first
// failure sticks: after it every method returns a zero value, so that one look at
// Err behind a whole structure is enough. One goroutine at a time.
type Decoder struct {
	b   []byte
	off int
	end int
	err error
}

// NewDecoder reads b, which must not change until the last read.
func NewDecoder(b []byte) *Decoder { return &Decoder{b: b, end: len(b)} }

// Reset reads b from now on, as a new decoder does.
func (d *Decoder) Reset(b []byte) { *d = Decoder{b: b, end: len(b)} }

// Err is the first failure, or nil.
func (d *Decoder) Err() error { return d.err }

// Len is how many bytes are left, in the innermost structure.
func (d *Decoder) Len() int { return d.end - d.off }

// Offset is how many bytes have been read.
func (d *Decoder) Offset() int { return d.off }

// Fail makes decoding fail for a reason that the caller found; text is detail.
func (d *Decoder) Fail(err error, text string) {
	if d.err == nil {
		d.err = &DecodeError{Offset: d.off, Err: err, Text: text}
	}
}

// Raw reads n bytes without a copy: they are part of what is decoded.
func (d *Decoder) Raw(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n < 0 || n > d.Len() {
		d.Fail(ErrShort, "")
		return nil
	}
	b := d.b[d.off : d.off+n : d.off+n]
	d.off += n
	return b
}

// Peek is the next byte, which stays; 0 at the end.
func (d *Decoder) Peek() uint8 {
	if d.err != nil || d.Len() == 0 {
		return 0
	}
	return d.b[d.off]
}

// Uint8 reads a u8.
func (d *Decoder) Uint8() uint8 {
	if b := d.Raw(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 reads a u16.
func (d *Decoder) Uint16() uint16 {
	if b := d.Raw(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads a u32.
func (d *Decoder) Uint32() uint32 {
	if b := d.Raw(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads a u64.
func (d *Decoder) Uint64() uint64 {
	if b := d.Raw(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Int16 reads an s16.
func (d *Decoder) Int16() int16 { return int16(d.Uint16()) }

// Int32 reads an s32.
func (d *Decoder) Int32() int32 { return int32(d.Uint32()) }

// Int64 reads an s64.
func (d *Decoder) Int64() int64 { return int64(d.Uint64()) }

// Bool reads one byte; anything but 0 is true.
func (d *Decoder) Bool() bool { return d.Uint8() != 0 }

// Blob reads bytes behind their length, without a copy.
func (d *Decoder) Blob() []byte { return d.Raw(d.Count(1)) }

// String reads a string behind its length.
func (d *Decoder) String() string { return string(d.Blob()) }

// Strings reads a vector of strings.
func (d *Decoder) Strings() []string {
	n := d.Count(4)
	v := make([]string, 0, n)
	for range n {
		v = append(v, d.String())
	}
	return v
}

// Count reads the number of items that follow, each of which takes size bytes at
// least: a number that cannot be true fails, before anybody sets memory aside for
// it.
func (d *Decoder) Count(size int) int {
	n := d.Uint32()
	if d.err == nil && int64(n)*int64(size) > int64(d.Len()) {
		d.Fail(ErrShort, fmt.Sprintf("%d items of %d bytes announced", n, size))
		return 0
	}
	return int(n)
}

// Time reads a utime; zero is the zero Time.
func (d *Decoder) Time() time.Time {
	sec, nsec := d.Uint32(), d.Uint32()
	if sec == 0 && nsec == 0 {
		return time.Time{}
	}
	return time.Unix(int64(sec), int64(nsec))
}

// Struct reads a versioned structure by body, which gets the version and sees only
// the structure's own bytes; what body does not read is skipped. It fails if the
// structure needs a reader that knows more than version known.
func (d *Decoder) Struct(known uint8, body func(version uint8)) {
	version, compat := d.Uint8(), d.Uint8()
	n := d.Count(1)
	if d.err != nil {
		return
	}
	if compat > known {
		d.Fail(ErrCompat, fmt.Sprintf("needs version %d, known is %d", compat, known))
		return
	}
	outer, inner := d.end, d.off+n
	d.end = inner
	body(version)
	d.end = outer
	if d.err == nil {
		d.off = inner
	}
}
