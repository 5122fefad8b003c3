//go:build cgo

package cgo

/*
#cgo CFLAGS: -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "shim.h"
#cgo noescape xg_init
#cgo nocallback xg_init
#cgo nocallback xg_version
#cgo nocallback xg_kin
#cgo noescape xg_pin_thread
#cgo nocallback xg_pin_thread
#cgo nocallback xg_strerror
#cgo nocallback xg_linkage
#cgo nocallback xg_mem_alloc
#cgo nocallback xg_mem_free
*/
import "C"

import (
	"sync"
	"sync/atomic"
	"unsafe"

	pointer "github.com/mattn/go-pointer"
)

// BaseStatus is where libxio's own status codes begin; smaller codes are errno
// values.
const BaseStatus = C.XIO_BASE_STATUS

// LastStatus is one past the last status code of libxio.
const LastStatus = C.XIO_E_LAST_STATUS

// Limits of a message. They are the library's defaults.
const (
	MaxHeader     = C.XG_MAX_HDR
	MaxSegments   = C.XG_MAX_SEG
	InlineData    = C.XG_INLINE_DATA
	InlineReply   = C.XG_INLINE_RSP
	slotBufLen    = C.XG_BUF_LEN
	slotDataStart = C.XG_BUF_DATA
)

// Options are the process-wide settings of the library.
type Options struct {
	SingleStream                 bool
	NoKeepalive                  bool
	Probes, TimeSec, IntervalSec int
	LogLevel                     int
	LogFD                        int // lines of the log go there; -1: standard error
	FlowControl                  bool
	Reconnect                    bool
	QueueMessages                int    // 0: the library's default
	QueueBytes                   uint64 // 0: the library's default
	SocketBuffer                 int    // 0: the library's default
	Segments                     int    // 0: the library's default
}

var start struct {
	sync.Mutex
	done bool
	opts Options
	rc   int
}

// Start starts the library with o unless it runs already. It returns a status
// code, 0 for success; mismatch says that it runs with other options. Any
// goroutine.
//
// Implements:
//
//	void xio_init(void)
func Start(o Options) (rc int, mismatch bool) {
	start.Lock()
	defer start.Unlock()
	if !start.done {
		start.done, start.opts, start.rc = true, o, initLibrary(o)
	}
	return start.rc, start.opts != o
}

// Started makes sure that the library runs, with default options if nobody
// started it. Any goroutine.
func Started() int {
	start.Lock()
	done, rc := start.done, start.rc
	start.Unlock()
	if !done {
		rc, _ = Start(Options{LogLevel: LogError, LogFD: -1})
	}
	return rc
}

// LogError is the library's default log level.
const LogError = C.XIO_LOG_LEVEL_ERROR

func initLibrary(o Options) int {
	c := C.struct_xg_options{
		single_stream: C.int(flag(o.SingleStream)),
		no_keepalive:  C.int(flag(o.NoKeepalive)),
		ka_probes:     C.int(o.Probes),
		ka_time:       C.int(o.TimeSec),
		ka_interval:   C.int(o.IntervalSec),
		log_level:     C.int(o.LogLevel),
		log_fd:        C.int(o.LogFD),
		flow_control:  C.int(flag(o.FlowControl)),
		reconnect:     C.int(flag(o.Reconnect)),
		queue_msgs:    C.int(o.QueueMessages),
		queue_bytes:   C.uint64_t(o.QueueBytes),
		sockbuf:       C.int(o.SocketBuffer),
		segments:      C.int(o.Segments),
	}
	return int(C.xg_init(&c))
}

// Kin says that the library is this project's engine, embedded or installed.
func Kin() bool { return C.xg_kin() != 0 }

// PinThread binds the calling thread to processors. It returns an errno value,
// 0 for success.
func PinThread(cpus []int) int {
	list := make([]C.int, len(cpus)+1)
	for i, n := range cpus {
		list[i] = C.int(n)
	}
	return int(C.xg_pin_thread(&list[0], C.uint32_t(len(cpus))))
}

// Version is the library's version string.
func Version() string { return C.GoString(C.xg_version()) }

// StatusText is the library's text for one of its own status codes.
func StatusText(code int) string { return C.GoString(C.xg_strerror(C.int(code))) }

// Linkage is the path of the program or shared object that holds the library.
func Linkage() string { return C.GoString(C.xg_linkage()) }

// Memory is a piece of registered C memory. The zero value is none.
type Memory struct{ m *C.struct_xio_reg_mem }

// AllocMemory allocates n bytes of registered memory, zeroed and page-aligned.
// Any goroutine. It returns a status code, 0 for success.
func AllocMemory(n int) (Memory, int) {
	m := (*C.struct_xio_reg_mem)(C.malloc(C.sizeof_struct_xio_reg_mem))
	if rc := C.xg_mem_alloc(C.uint64_t(n), m); rc != 0 {
		C.free(unsafe.Pointer(m))
		return Memory{}, int(rc)
	}
	return Memory{m}, 0
}

// Free gives the memory back. Any goroutine.
func (m Memory) Free() {
	C.xg_mem_free(m.m)
	C.free(unsafe.Pointer(m.m))
}

// Bytes is the memory as a slice.
func (m Memory) Bytes() []byte { return unsafe.Slice((*byte)(m.m.addr), int(m.m.length)) }

// Region is the registration that a segment of this memory carries.
func (m Memory) Region() Region { return Region{unsafe.Pointer(m.m.mr)} }

// Region is the library's registration of a piece of memory, opaque to Go.
type Region struct{ mr unsafe.Pointer }

var handles atomic.Int64

// Save makes v reachable by a key that C may carry.
func Save(v any) unsafe.Pointer {
	handles.Add(1)
	return pointer.Save(v)
}

// Restore returns what was saved under key, or nil.
func Restore(key unsafe.Pointer) any { return pointer.Restore(key) }

// Unref forgets the key. The next Save may return the same one.
func Unref(key unsafe.Pointer) {
	handles.Add(-1)
	pointer.Unref(key)
}

// Handles is the number of keys in use.
func Handles() int64 { return handles.Load() }
