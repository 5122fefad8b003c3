// SPDX-License-Identifier: Apache-2.0

package server

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/examples/raio/internal/wire"
)

// directAlign is what offset, length and memory of I/O past the page cache are
// multiples of. Devices may do with less, none wants more.
const directAlign = 4096

// file is an open file of a client. It lives until its last operation is over,
// also when it has been closed meanwhile.
type file struct {
	fd     int // through the page cache, -1 if there is none
	direct int // past it, -1 if there is none
	flags  int // of open(2)
	null   bool
	block  bool
	refs   atomic.Int32
}

func newNull(flags int) *file {
	f := &file{fd: -1, direct: -1, flags: flags, null: true}
	f.refs.Store(1)
	return f
}

// inspect refuses what is neither a file nor a block device.
func (f *file) inspect() error {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFBLK:
		f.block = true
		return nil
	case unix.S_IFDIR:
		return syscall.EISDIR
	}
	return syscall.ENODEV
}

func (f *file) retain() { f.refs.Add(1) }

func (f *file) release() {
	if f.refs.Add(-1) > 0 {
		return
	}
	for _, fd := range []int{f.fd, f.direct} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func (f *file) readable() bool { return f.flags&unix.O_ACCMODE != unix.O_WRONLY }
func (f *file) writable() bool { return f.flags&unix.O_ACCMODE != unix.O_RDONLY }

// choose is the descriptor for an operation: past the page cache if its shape
// allows it, or if the client asked for nothing else.
func (f *file) choose(b []byte, offset int64) int {
	if f.fd < 0 {
		return f.direct
	}
	if f.direct >= 0 && aligned(b, offset) {
		return f.direct
	}
	return f.fd
}

func aligned(b []byte, offset int64) bool {
	return len(b) > 0 && (uint64(offset)|uint64(len(b))|uint64(uintptr(unsafe.Pointer(&b[0]))))%directAlign == 0
}

// readCached reads what the page cache has, without waiting. n < 0: none of it.
func (f *file) readCached(b []byte, offset int64) int {
	if f.fd < 0 || f.direct >= 0 {
		return -1
	}
	n, err := unix.Preadv2(f.fd, [][]byte{b}, offset, unix.RWF_NOWAIT)
	if err != nil { // nothing there, or a filesystem that cannot tell
		return -1
	}
	return n
}

// read fills b as far as the file goes.
func (f *file) read(b []byte, offset int64) (int, error) {
	return transfer(b, offset, func(b []byte, offset int64) (int, error) {
		return unix.Pread(f.choose(b, offset), b, offset)
	})
}

// write writes b. Where not all of it fits it says how much did, as pwrite(2).
func (f *file) write(b []byte, offset int64) (int, error) {
	return transfer(b, offset, func(b []byte, offset int64) (int, error) {
		return unix.Pwrite(f.choose(b, offset), b, offset)
	})
}

func transfer(b []byte, offset int64, call func([]byte, int64) (int, error)) (int, error) {
	done := 0
	for {
		n, err := call(b[done:], offset+int64(done))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil && done == 0:
			return 0, err
		case err != nil || n == 0: // an error comes again, if the client goes on there
			return done, nil
		}
		done += n
		// What is past the page cache and ends at an odd place has met the end
		// of the file.
		if done == len(b) || n%512 != 0 {
			return done, nil
		}
	}
}

func (f *file) stat() (wire.Stat, error) {
	if f.null {
		return wire.Stat{Mode: unix.S_IFREG | 0o666, Nlink: 1, Size: wire.NullSize, Blksize: directAlign}, nil
	}
	fd := max(f.fd, f.direct)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return wire.Stat{}, err
	}
	size := st.Size
	if f.block { // fstat says 0
		end, err := unix.Seek(fd, 0, unix.SEEK_END)
		if err != nil {
			return wire.Stat{}, err
		}
		size = end
	}
	return wire.Stat{
		Dev: uint64(st.Dev), Ino: st.Ino, Mode: st.Mode, Nlink: uint32(st.Nlink), UID: uint64(st.Uid), GID: uint64(st.Gid),
		Rdev: uint64(st.Rdev), Size: uint64(size), Blksize: uint32(st.Blksize), Blocks: uint32(st.Blocks),
		Atime: uint64(st.Atim.Sec), Mtime: uint64(st.Mtim.Sec), Ctime: uint64(st.Ctim.Sec),
	}, nil
}
