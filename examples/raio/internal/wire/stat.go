// SPDX-License-Identifier: Apache-2.0

package wire

import "encoding/binary"

// Stat is what the protocol tells of a file: struct stat of Linux on x86-64,
// in its fields' widths on the wire.
type Stat struct {
	Dev     uint64
	Ino     uint64
	Mode    uint32
	Nlink   uint32
	UID     uint64
	GID     uint64
	Rdev    uint64
	Size    uint64
	Blksize uint32
	Blocks  uint32 // the lower 32 bits of their number
	Atime   uint64 // seconds since 1970
	Mtime   uint64
	Ctime   uint64
}

// AppendStat appends the answer to Fstat.
func AppendStat(b []byte, s Stat) []byte {
	b = answer(b, Fstat, statLen, 0, 0)
	b = binary.BigEndian.AppendUint64(b, s.Dev)
	b = binary.BigEndian.AppendUint64(b, s.Ino)
	b = binary.BigEndian.AppendUint32(b, s.Mode)
	b = binary.BigEndian.AppendUint32(b, s.Nlink)
	b = binary.BigEndian.AppendUint64(b, s.UID)
	b = binary.BigEndian.AppendUint64(b, s.GID)
	b = binary.BigEndian.AppendUint64(b, s.Rdev)
	b = binary.BigEndian.AppendUint64(b, s.Size)
	b = binary.BigEndian.AppendUint32(b, s.Blksize)
	b = binary.BigEndian.AppendUint32(b, s.Blocks)
	b = binary.BigEndian.AppendUint64(b, s.Atime)
	b = binary.BigEndian.AppendUint64(b, s.Mtime)
	return binary.BigEndian.AppendUint64(b, s.Ctime)
}

// ParseStat reads the body of the answer to Fstat.
func ParseStat(body []byte) (Stat, error) {
	if len(body) < statLen {
		return Stat{}, ErrFormat
	}
	u32 := func(at int) uint32 { return binary.BigEndian.Uint32(body[at:]) }
	u64 := func(at int) uint64 { return binary.BigEndian.Uint64(body[at:]) }
	return Stat{
		Dev: u64(0), Ino: u64(8), Mode: u32(16), Nlink: u32(20), UID: u64(24), GID: u64(32), Rdev: u64(40),
		Size: u64(48), Blksize: u32(56), Blocks: u32(60), Atime: u64(64), Mtime: u64(72), Ctime: u64(80),
	}, nil
}
