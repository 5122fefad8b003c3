// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
	"math/rand/v2"
	"sync"
)

// What soak messages carry in their header, and what they are.
const (
	soakMagic  = "xioSOAK1"
	soakHeader = 44      // bytes
	soakMax    = 1 << 20 // bytes of data in a message at most
)

// kind is what a soak message is for.
type kind uint8

const (
	kindRequest kind = iota + 1
	kindAnswer
	kindOneWay
	kindReport // a request for the server's counts, and its answer
)

// label is the header of a soak message.
type label struct {
	kind   kind
	stream uint64 // one side's messages on one connection
	seq    uint64 // number among those of its kind in the stream, from 0
	length uint32 // of the data
	crc    uint32 // CRC32C of the data
	// earlier is, in a request, how many one-way messages were sent before it.
	earlier uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

var errDamaged = errors.New("the message is damaged")

// labelFor describes data.
func labelFor(k kind, stream, seq uint64, data []byte) label {
	return label{kind: k, stream: stream, seq: seq, length: uint32(len(data)), crc: checksum(data)}
}

// appendTo writes the label with a checksum of its own.
func (l label) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, soakMagic...)
	b = append(b, byte(l.kind), 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, l.earlier)
	b = binary.BigEndian.AppendUint64(b, l.stream)
	b = binary.BigEndian.AppendUint64(b, l.seq)
	b = binary.BigEndian.AppendUint32(b, l.length)
	b = binary.BigEndian.AppendUint32(b, l.crc)
	return binary.BigEndian.AppendUint32(b, checksum(b[start:]))
}

// isSoak says whether a header is, or was, a label.
func isSoak(h []byte) bool {
	return len(h) >= len(soakMagic) && string(h[:len(soakMagic)]) == soakMagic
}

// parseLabel reads a label.
func parseLabel(h []byte) (label, error) {
	if len(h) != soakHeader || !isSoak(h) || binary.BigEndian.Uint32(h[40:]) != checksum(h[:40]) {
		return label{}, errDamaged
	}
	return label{
		kind:    kind(h[8]),
		earlier: binary.BigEndian.Uint32(h[12:]),
		stream:  binary.BigEndian.Uint64(h[16:]),
		seq:     binary.BigEndian.Uint64(h[24:]),
		length:  binary.BigEndian.Uint32(h[32:]),
		crc:     binary.BigEndian.Uint32(h[36:]),
	}, nil
}

// describes says whether data is what the label says.
func (l label) describes(data []byte) bool {
	return int(l.length) == len(data) && l.crc == checksum(data)
}

// soakData is what data is cut from: random bytes, so that data from another
// place does not pass for the right one.
var soakData = sync.OnceValue(func() []byte {
	b := make([]byte, 2*soakMax)
	rng := rand.New(rand.NewPCG(1, 0))
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rng.Uint64())
	}
	return b
})

// cutData takes data of a random size, every order of magnitude being as likely
// as the next, from a random place.
func cutData(rng *rand.Rand) []byte {
	all := soakData()
	most := 1 << rng.IntN(bits.Len(soakMax))
	n := most/2 + 1 + rng.IntN(most-most/2)
	at := rng.IntN(len(all) - n + 1)
	return all[at : at+n]
}

func (l label) String() string {
	what := "request"
	switch l.kind {
	case kindAnswer:
		what = "answer"
	case kindOneWay:
		what = "one-way message"
	}
	return fmt.Sprintf("%s %d of stream %x", what, l.seq, l.stream)
}
