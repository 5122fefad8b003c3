// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/examples/raio/internal/wire"
)

// root is the directory below which files are opened, and nothing else is.
type root struct {
	fd    int
	write bool
}

func openRoot(path string, write bool) (*root, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := &root{fd: fd, write: write}
	// An old kernel cannot keep paths below the root; say so now.
	probe, err := r.openat(".", unix.O_PATH, 0)
	if err != nil {
		r.close()
		return nil, fmt.Errorf("%s: openat2: %w", path, err)
	}
	unix.Close(probe)
	return r, nil
}

func (r *root) close() { unix.Close(r.fd) }

// openat opens a path that the kernel follows without ever leaving the root, and
// through no symbolic link.
func (r *root) openat(path string, flags int, mode uint32) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Mode:    uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(r.fd, path, &how)
		// EAGAIN: something was renamed meanwhile, so the kernel is not sure.
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
}

// open opens a file for a client, with the errno that it gets. direct opens it
// a second time for I/O past the page cache, where the filesystem can do that.
func (r *root) open(path string, wireFlags uint32, direct bool) (*file, error) {
	flags, ok := wire.LocalFlags(wireFlags)
	if !ok {
		return nil, syscall.EINVAL
	}
	if path == wire.NullPath {
		return newNull(flags), nil
	}
	// What stays below the root need not have a way up.
	for part := range strings.SplitSeq(path, "/") {
		if part == ".." {
			return nil, syscall.EXDEV
		}
	}
	if !r.write && (flags&unix.O_ACCMODE != unix.O_RDONLY || flags&(unix.O_CREAT|unix.O_TRUNC) != 0) {
		return nil, syscall.EROFS
	}
	var mode uint32
	if flags&unix.O_CREAT != 0 {
		mode = 0o666
	}
	// Nonblocking: opening a FIFO must not wait for its other end.
	fd, err := r.openat(path, flags|unix.O_NONBLOCK|unix.O_NOCTTY, mode)
	if err != nil {
		return nil, err
	}
	f := &file{fd: fd, direct: -1, flags: flags}
	f.refs.Store(1)
	if err := f.inspect(); err != nil {
		f.release()
		return nil, err
	}
	if flags&unix.O_DIRECT != 0 {
		f.direct, f.fd = f.fd, -1
	} else if direct {
		again := flags&^(unix.O_CREAT|unix.O_EXCL|unix.O_TRUNC) | unix.O_DIRECT
		if f.direct, err = r.reopen(fd, path, again); err != nil {
			f.direct = -1
		}
	}
	return f, nil
}

var errReplaced = errors.New("another file has taken the name")

// reopen opens the file behind a descriptor once more, by its name.
func (r *root) reopen(fd int, path string, flags int) (int, error) {
	second, err := r.openat(path, flags|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return -1, err
	}
	var a, b unix.Stat_t
	if err = unix.Fstat(fd, &a); err == nil {
		err = unix.Fstat(second, &b)
	}
	if err == nil && (a.Dev != b.Dev || a.Ino != b.Ino) {
		err = errReplaced
	}
	if err != nil {
		unix.Close(second)
		return -1, err
	}
	return second, nil
}
