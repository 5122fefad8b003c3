// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package cgo

/*
#include <stdlib.h>
#include "shim.h"
#cgo nocallback xg_pages_alloc
#cgo nocallback xg_pages_free
#cgo nocallback xg_node_exists
#cgo nocallback xg_bytes_on_node
*/
import "C"

import "unsafe"

// Pages is a piece of registered C memory with a choice of page size and NUMA
// node. The zero value is none.
type Pages struct{ p *C.struct_xg_pages }

// AllocPages allocates n bytes of registered memory, zeroed and page-aligned,
// in huge pages if huge is set and there are any, preferably on a NUMA node; -1
// is any node. Any goroutine. It returns a status code, 0 for success.
func AllocPages(n int, huge bool, node int) (Pages, int) {
	p := (*C.struct_xg_pages)(C.malloc(C.sizeof_struct_xg_pages))
	var h C.int
	if huge {
		h = 1
	}
	if rc := C.xg_pages_alloc(C.uint64_t(n), h, C.int(node), p); rc != 0 {
		C.free(unsafe.Pointer(p))
		return Pages{}, int(rc)
	}
	return Pages{p}, 0
}

// Free gives the memory back. Any goroutine.
func (p Pages) Free() {
	C.xg_pages_free(p.p)
	C.free(unsafe.Pointer(p.p))
}

// Bytes is the memory as a slice.
func (p Pages) Bytes() []byte {
	return unsafe.Slice((*byte)(p.p.mem.addr), int(p.p.mem.length))
}

// Region is the registration that a segment of this memory carries.
func (p Pages) Region() Region { return Region{unsafe.Pointer(p.p.mem.mr)} }

// Addr is where the memory begins.
func (p Pages) Addr() uintptr { return uintptr(p.p.mem.addr) }

// Reserved says that all of it lies in huge pages that the machine had
// reserved.
func (p Pages) Reserved() bool { return p.p.reserved != 0 }

// HasNode says whether the machine has a NUMA node of that number, as far as
// the kernel lets it be known.
func HasNode(node int) bool { return C.xg_node_exists(C.int(node)) != 0 }

// BytesOnNode is how many of the n bytes at addr lie on a NUMA node; -1 if the
// kernel does not tell. Nothing needs to be mapped there.
func BytesOnNode(addr uintptr, n, node int) int64 {
	return int64(C.xg_bytes_on_node(C.uintptr_t(addr), C.uint64_t(n), C.int(node)))
}
