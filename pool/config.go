// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"slices"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Sizes of what a pool hands out, in bytes.
const (
	// MinBlock is the smallest block of a pool without Config.Classes; smaller
	// buffers use one of these.
	MinBlock = 1 << minShift
	// MaxBuffer is the largest buffer, the largest message of the library.
	MaxBuffer = 1 << maxShift
	// Align is what block sizes are rounded up to, and what the address of
	// every block is a multiple of.
	Align = 64
	// MaxClasses is how many classes a pool can have.
	MaxClasses = 64

	minShift   = 10
	maxShift   = 26
	regionSize = 64 << 10 // smaller blocks are carved out of regions of this size
	hugePage   = 2 << 20
	maxBlocks  = 1 << 16 // of one region
)

// Errors of a pool, to be compared with [errors.Is].
var (
	ErrClosed    = errors.New("pool: closed")            // Close was called
	ErrSize      = errors.New("pool: size out of range") // below 1, or larger than any block may be
	ErrExhausted = errors.New("pool: limit reached")     // there is room again when others release
	ErrNoMemory  = errors.New("pool: out of memory")     // the system has none, whatever the limit
	ErrNode      = errors.New("pool: no such NUMA node") // the machine has others
)

// errClassFull is ErrExhausted because of Class.Max alone.
var errClassFull = fmt.Errorf("%w: the size class is at its maximum", ErrExhausted)

// ConfigError says which part of a Config is impossible. It unwraps to ErrSize
// or ErrNode.
type ConfigError struct {
	Field  string // "Limit", "Classes[3].Max"
	Value  int64  // what it was set to
	Reason string // what is wrong with that
	Err    error  // ErrSize or ErrNode
}

// Error implements error.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("%v: Config.%s is %d: %s", e.Err, e.Field, e.Value, e.Reason)
}

// Unwrap returns Err, which [errors.Is] finds so.
func (e *ConfigError) Unwrap() error { return e.Err }

// Config tunes a Pool. The zero value is ready to use.
type Config struct {
	// Limit bounds the registered memory of the pool in bytes, in use and
	// idle together. Zero means 256 MiB; less than MaxBuffer makes larger
	// buffers fail with ErrSize; negative values are an error.
	Limit int64
	// Keep bounds the idle memory that is kept for the next Get, in bytes,
	// besides what Class.Prealloc asks for. What is above goes back to the
	// system, the longest idle first. Zero means 32 MiB, negative keeps
	// nothing.
	Keep int64
	// Classes are the block sizes of the pool, in any order. A buffer takes a
	// block of the smallest class that it fits in; one larger than all of them
	// fails with ErrSize. None means the powers of two from MinBlock to
	// MaxBuffer.
	Classes []Class
	// HugePages asks for huge pages of 2 MiB: the machine's reserved ones
	// while there are any, transparent ones otherwise. The pool then grows by
	// multiples of 2 MiB. Where neither is to be had it gets ordinary pages;
	// [Pool.Placement] tells.
	HugePages bool
	// Node is the NUMA node that memory shall come from. The zero value is any
	// node. It is a preference: when the node is full, memory comes from
	// others, and [Pool.Placement] tells. A node that the machine does not
	// have is an error.
	Node Node
}

// Class describes the blocks of one size.
//
// Implements:
//
//	int xio_mempool_add_slab(struct xio_mempool *mpool, size_t size, size_t min,
//				 size_t max, size_t alloc_quantum_nr, int alignment)
type Class struct {
	// Size is the size of a block in bytes, 1 to MaxBuffer, rounded up to a
	// multiple of Align. No two classes may have the same.
	Size int
	// Prealloc is how many blocks New makes at once; they stay until Close.
	// All of them must fit in Config.Limit. Zero makes none.
	Prealloc int
	// Max is the most blocks there may ever be. At Max, Get waits and TryGet
	// fails with ErrExhausted, as at the limit, but only this class is held
	// up: larger ones do not stand in. Zero means no bound but Config.Limit.
	Max int
	// Grow is how many blocks are added at a time. Zero means as many as fit
	// in 64 KiB (2 MiB with HugePages), at least one. Fewer are added where
	// Max or Limit leaves less room, and never more than 65536.
	Grow int
}

// Sizes makes classes of block sizes, for Config.Classes.
func Sizes(sizes ...int) []Class {
	c := make([]Class, len(sizes))
	for i, n := range sizes {
		c[i].Size = n
	}
	return c
}

// Node is a NUMA node. The zero value is any node.
type Node struct{ n int } // its number, and 1

// OnNode is the node of a number, from 0; -1 is any node.
func OnNode(number int) Node { return Node{number + 1} }

// Number is the node's number, -1 for any node.
func (n Node) Number() int { return n.n - 1 }

// normal replaces what is zero by what it means, and checks.
func (cfg Config) normal() (Config, error) {
	if cfg.Limit < 0 {
		return cfg, &ConfigError{"Limit", cfg.Limit, "negative", ErrSize}
	}
	if cfg.Limit == 0 {
		cfg.Limit = 256 << 20
	}
	switch {
	case cfg.Keep == 0:
		cfg.Keep = 32 << 20
	case cfg.Keep < 0:
		cfg.Keep = 0
	}
	if number := cfg.Node.Number(); number != -1 && !cgo.HasNode(number) {
		return cfg, &ConfigError{"Node", int64(number), "the machine does not have it", ErrNode}
	}
	if len(cfg.Classes) == 0 {
		for n := MinBlock; n <= MaxBuffer; n *= 2 {
			cfg.Classes = append(cfg.Classes, Class{Size: n})
		}
		return cfg, nil
	}
	if n := len(cfg.Classes); n > MaxClasses {
		return cfg, &ConfigError{"Classes", int64(n), "more than MaxClasses", ErrSize}
	}
	cfg.Classes = slices.Clone(cfg.Classes)
	room := cfg.Limit
	for i := range cfg.Classes {
		c := &cfg.Classes[i]
		bad := func(field string, v int, reason string) error {
			return &ConfigError{fmt.Sprintf("Classes[%d].%s", i, field), int64(v), reason, ErrSize}
		}
		switch {
		case c.Size < 1 || c.Size > MaxBuffer:
			return cfg, bad("Size", c.Size, "not within 1 and MaxBuffer")
		case c.Max < 0:
			return cfg, bad("Max", c.Max, "negative")
		case c.Grow < 0:
			return cfg, bad("Grow", c.Grow, "negative")
		case c.Prealloc < 0:
			return cfg, bad("Prealloc", c.Prealloc, "negative")
		case c.Max > 0 && c.Prealloc > c.Max:
			return cfg, bad("Prealloc", c.Prealloc, "above Max")
		}
		c.Size = int(roundUp(int64(c.Size), Align))
		if slices.ContainsFunc(cfg.Classes[:i], func(o Class) bool { return o.Size == c.Size }) {
			return cfg, bad("Size", c.Size, "the size of another class")
		}
		if int64(c.Prealloc) > room/int64(c.Size) || preallocBytes(*c, cfg.page()) > room {
			return cfg, bad("Prealloc", c.Prealloc, "does not fit in Limit")
		}
		room -= preallocBytes(*c, cfg.page())
	}
	slices.SortFunc(cfg.Classes, func(a, b Class) int { return cmp.Compare(a.Size, b.Size) })
	return cfg, nil
}

// page is what regions are multiples of, in bytes.
func (cfg *Config) page() int64 {
	if cfg.HugePages {
		return hugePage
	}
	return int64(os.Getpagesize())
}

// layout is what never changes about the classes of a pool.
type layout struct {
	page  int64 // see Config.page
	sizes []int // of blocks, ascending
	// first is the class at which the search for n bytes begins, by the bits
	// of n-1.
	first [maxShift + 1]uint8
	fits  []bool // whether the limit can ever hold a block
}

func (l *layout) init(cfg Config) {
	l.page = cfg.page()
	room := cfg.Limit
	for _, c := range cfg.Classes {
		l.sizes = append(l.sizes, c.Size)
		room -= preallocBytes(c, l.page)
	}
	for b := range l.first {
		least := 1
		if b > 0 {
			least += 1 << (b - 1)
		}
		k, _ := slices.BinarySearch(l.sizes, least)
		l.first[b] = uint8(k)
	}
	for _, c := range cfg.Classes {
		l.fits = append(l.fits, c.Prealloc > 0 || roundUp(int64(c.Size), l.page) <= room)
	}
}

// preallocBytes is what the blocks that New makes take up: regions of maxBlocks
// and one of the rest.
func preallocBytes(c Class, page int64) int64 {
	full, rest := int64(c.Prealloc/maxBlocks), int64(c.Prealloc%maxBlocks)
	return full*roundUp(maxBlocks*int64(c.Size), page) + roundUp(rest*int64(c.Size), page)
}

// classFor is the class that n bytes take a block of.
func (l *layout) classFor(n int) (int, error) {
	if n < 1 || n > MaxBuffer {
		return 0, ErrSize
	}
	k := int(l.first[bits.Len(uint(n-1))])
	for ; k < len(l.sizes); k++ {
		if l.sizes[k] >= n {
			if !l.fits[k] {
				return 0, ErrSize
			}
			return k, nil
		}
	}
	return 0, ErrSize
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
