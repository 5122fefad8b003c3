// SPDX-License-Identifier: Apache-2.0

package server

import (
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ringDepth is how many operations of a client may be on its ring; further ones
// go to the goroutines.
const ringDepth = 256

// ring is an io_uring(7): it reads and writes without a goroutine, or a thread,
// that waits. Operations are handed to the kernel one by one, where they come up;
// a single goroutine waits in Go's netpoller for their ends.
type ring struct {
	file  *os.File
	fd    int
	maps  [2][]byte
	sqes  []sqe
	cqes  []cqe
	sq    queueEnds
	cq    queueEnds
	ended chan struct{} // closed when the goroutine has gone

	mu     sync.Mutex
	closed bool
	done   []func(int) // by slot, of the operations under way
	free   []uint32    // slots
	flying sync.WaitGroup
}

// queueEnds are where a queue that is shared with the kernel begins and ends.
type queueEnds struct{ head, tail *uint32 }

// The structures of linux/io_uring.h, as far as they are used here.
type (
	ringParams struct {
		sqEntries, cqEntries, flags, threadCPU, threadIdle, features, wqFD uint32

		_  [3]uint32
		sq struct {
			head, tail, mask, entries, flags, dropped, array, _ uint32
			_                                                   uint64
		}
		cq struct {
			head, tail, mask, entries, overflow, cqes, flags, _ uint32
			_                                                   uint64
		}
	}

	sqe struct {
		opcode, flags uint8
		ioprio        uint16
		fd            int32
		off, addr     uint64
		len, rwFlags  uint32
		user          uint64
		_             [3]uint64
	}

	cqe struct {
		user  uint64
		res   int32
		flags uint32
	}
)

const (
	ringRead  = 22 // IORING_OP_READ
	ringWrite = 23 // IORING_OP_WRITE

	offsetRings = 0          // IORING_OFF_SQ_RING, both queues since Linux 5.4
	offsetSQEs  = 0x10000000 // IORING_OFF_SQES
)

// newRing fails where the kernel has no io_uring, or does not let this process
// have one.
func newRing() (*ring, error) {
	var p ringParams
	fd, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, ringDepth, uintptr(unsafe.Pointer(&p)), 0)
	if e != 0 {
		return nil, e
	}
	r := &ring{fd: int(fd), ended: make(chan struct{})}
	if err := r.mapQueues(&p); err != nil {
		r.unmap()
		unix.Close(r.fd)
		return nil, err
	}
	r.done = make([]func(int), p.sqEntries)
	for i := range p.sqEntries {
		r.free = append(r.free, i)
	}
	r.file = os.NewFile(fd, "io_uring")
	conn, err := r.file.SyscallConn()
	if err != nil {
		r.unmap()
		r.file.Close()
		return nil, err
	}
	go func() {
		defer close(r.ended)
		// It returns when the file is closed.
		_ = conn.Read(func(uintptr) bool {
			r.reap()
			return false
		})
	}()
	return r, nil
}

func (r *ring) mapQueues(p *ringParams) (err error) {
	// The netpoller takes nothing else.
	if err := unix.SetNonblock(r.fd, true); err != nil {
		return err
	}
	sqeSize, cqeSize := uint32(unsafe.Sizeof(sqe{})), uint32(unsafe.Sizeof(cqe{}))
	for i, m := range []struct {
		offset int64
		size   uint32
	}{
		{offsetRings, max(p.sq.array+4*p.sqEntries, p.cq.cqes+cqeSize*p.cqEntries)},
		{offsetSQEs, sqeSize * p.sqEntries},
	} {
		r.maps[i], err = unix.Mmap(r.fd, m.offset, int(m.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
		if err != nil {
			return err
		}
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.maps[0][offset])) }
	r.sq = queueEnds{at(p.sq.head), at(p.sq.tail)}
	r.cq = queueEnds{at(p.cq.head), at(p.cq.tail)}
	r.cqes = unsafe.Slice((*cqe)(unsafe.Pointer(at(p.cq.cqes))), p.cqEntries)
	r.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&r.maps[1][0])), p.sqEntries)
	// Each place of the queue has an entry of its own, for ever.
	for i := range p.sqEntries {
		*at(p.sq.array + 4*i) = i
	}
	return nil
}

// start begins an operation on b, which must stay where it is until done is
// called, on the ring's goroutine, with the number of bytes or a negative errno.
// It never waits; false: the ring does not take it.
func (r *ring) start(opcode uint8, fd int, b []byte, offset int64, done func(res int)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.free) == 0 {
		return false
	}
	slot := r.free[len(r.free)-1]
	tail := *r.sq.tail
	r.sqes[tail%uint32(len(r.sqes))] = sqe{
		opcode: opcode, fd: int32(fd), off: uint64(offset),
		addr: uint64(uintptr(unsafe.Pointer(&b[0]))), len: uint32(len(b)), user: uint64(slot),
	}
	r.done[slot] = done
	atomic.StoreUint32(r.sq.tail, tail+1)
	_, _, _ = unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), 1, 0, 0, 0, 0)
	if atomic.LoadUint32(r.sq.head) == tail { // the kernel has not taken it
		atomic.StoreUint32(r.sq.tail, tail)
		r.done[slot] = nil
		return false
	}
	r.free = r.free[:len(r.free)-1]
	r.flying.Add(1)
	return true
}

// reap ends the operations that the kernel is done with.
func (r *ring) reap() {
	for head := *r.cq.head; head != atomic.LoadUint32(r.cq.tail); head++ {
		c := r.cqes[head%uint32(len(r.cqes))]
		atomic.StoreUint32(r.cq.head, head+1)
		r.mu.Lock()
		done := r.done[c.user]
		r.done[c.user] = nil
		r.free = append(r.free, uint32(c.user))
		r.mu.Unlock()
		done(int(c.res))
		r.flying.Done()
	}
}

// close waits for what is under way.
func (r *ring) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.flying.Wait()
	r.file.Close()
	<-r.ended
	r.unmap()
}

func (r *ring) unmap() {
	for _, m := range r.maps {
		if m != nil {
			_ = unix.Munmap(m) // it is a mapping, so this cannot fail
		}
	}
}
