// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
)

// castagnoli is CRC32C, the checksum of storage protocols.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// source is where the data of the requests comes from.
type source interface {
	// Next fills buf with the next request's data and says how much of it is
	// used. io.EOF is the end.
	Next(buf []byte) (int, error)
	// Requests is how many there will be, 0 if there is no end.
	Requests() uint64
	Close() error
}

// pattern makes data that differs from request to request: a running number,
// then letters that begin elsewhere each time. It is text because C servers
// print it.
type pattern struct {
	n     uint64
	block []byte
}

const letters = "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ."

func newPattern(size int) *pattern {
	p := &pattern{block: make([]byte, size+len(letters))}
	for i := 0; i < len(p.block); {
		i += copy(p.block[i:], letters)
	}
	return p
}

func (p *pattern) Next(buf []byte) (int, error) {
	p.n++
	var number [20]byte
	k := copy(buf, strconv.AppendUint(number[:0], p.n, 10))
	copy(buf[k:], p.block[p.n%uint64(len(letters)):])
	return len(buf), nil
}

func (p *pattern) Requests() uint64 { return 0 }
func (p *pattern) Close() error     { return nil }

// file sends a file piece by piece.
type file struct {
	f      *os.File
	again  bool // begin anew at the end
	pieces uint64
	bytes  uint64
	crc    uint32 // of all that was read
}

func openFile(path string, size int, again bool) (*file, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err == nil && st.Size() == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &file{f: f, again: again, pieces: uint64(st.Size()+int64(size)-1) / uint64(size)}, nil
}

func (f *file) Next(buf []byte) (int, error) {
	n, err := io.ReadFull(f.f, buf)
	if err == io.EOF && f.again {
		if _, err = f.f.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		n, err = io.ReadFull(f.f, buf)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // the last piece
	}
	f.crc = crc32.Update(f.crc, castagnoli, buf[:n])
	f.bytes += uint64(n)
	return n, err
}

func (f *file) Requests() uint64 {
	if f.again {
		return 0
	}
	return f.pieces
}

func (f *file) Close() error { return f.f.Close() }
