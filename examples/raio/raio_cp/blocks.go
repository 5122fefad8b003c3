// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"sync"
	"sync/atomic"
)

// castagnoli is CRC32C, the checksum of storage protocols.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blocks reads a file block by block, several at a time. The checksum takes them
// in their order all the same: each waits for its turn.
type blocks struct {
	ctx   context.Context
	src   io.ReaderAt
	sink  func([]byte, int64) (int, error)
	size  int64
	block int64
	done  *atomic.Uint64 // bytes

	mu   sync.Mutex
	turn sync.Cond
	next int64 // block to read
	sum  uint32
	at   int64 // block whose turn it is
	err  error // the first
}

var errShort = errors.New("the file has become shorter")

func (b *blocks) run(depth int) (uint32, error) {
	b.turn.L = &b.mu
	var wg sync.WaitGroup
	for range min(int64(depth), (b.size+b.block-1)/b.block) {
		wg.Go(b.work)
	}
	wg.Wait()
	if b.err == nil {
		b.err = b.ctx.Err()
	}
	return b.sum, b.err
}

func (b *blocks) work() {
	buf := make([]byte, b.block)
	for {
		b.mu.Lock()
		i := b.next
		b.next++
		stop := b.err != nil || b.ctx.Err() != nil || i*b.block >= b.size
		b.mu.Unlock()
		if stop {
			return
		}
		p := buf[:min(b.block, b.size-i*b.block)]
		n, err := b.src.ReadAt(p, i*b.block)
		if n == len(p) {
			err = nil // also at the end of the file
		} else if errors.Is(err, io.EOF) {
			err = errShort
		}
		if !b.add(i, p, err) {
			return
		}
		if b.sink != nil {
			if _, err := b.sink(p, i*b.block); err != nil {
				b.fail(err)
				return
			}
		}
		b.done.Add(uint64(len(p)))
	}
}

// add adds block i to the checksum when its turn comes. It says whether to go on.
func (b *blocks) add(i int64, p []byte, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.at != i && b.err == nil && err == nil {
		b.turn.Wait()
	}
	if b.err == nil {
		b.err = err
	}
	if b.err != nil {
		b.turn.Broadcast()
		return false
	}
	b.sum = crc32.Update(b.sum, castagnoli, p)
	b.at++
	b.turn.Broadcast()
	return true
}

func (b *blocks) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	b.turn.Broadcast()
}
