// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package cgo

/*
#include "shim.h"
#cgo nocallback xg_ctx_polls
#cgo nocallback xg_rdma_devices
#cgo nocallback xg_key_by_tx
#cgo nocallback xg_key_by_rx
#cgo nocallback xg_release_now
#cgo nocallback xg_rx_mr
#cgo nocallback xg_rdma_room
*/
import "C"

import "unsafe"

// OpRDMA submits a slot that Tx.Direct filled.
const OpRDMA = C.XG_OP_RDMA

// PollCompletions makes every turn from now on look for completions of RDMA.
//
// Implements:
//
//	int xio_context_poll_completions(struct xio_context *ctx, int timeout_us)
func (c *Context) PollCompletions() { C.xg_ctx_polls(c.p) }

// RDMADevices is how many RDMA devices the library has found. Any goroutine.
//
// Implements:
//
//	int xio_get_opt(void *, int, int, void *, int *)
func RDMADevices() int { return int(C.xg_rdma_devices()) }

// Keep says whether a small response stays in library memory too, with FlagKeep.
func (t *Tx) Keep(on bool) { t.keep = flag(on) }

// Direct makes the slot one that reads the peer's memory into b, or writes b
// there. EvEnded says that it is done, with status 0, or why it is not.
//
// Implements:
//
//	int xio_send_rdma(struct xio_connection *conn, struct xio_msg *msg)
func (t *Tx) Direct(read bool, b []byte, r Region, addr uint64, key uint32) {
	begin(&t.out, t.buf, nil, nil)
	add(&t.out, b, r)
	t.rdma_read = flag(read)
	t.remote.addr = C.uint64_t(addr)
	t.remote.length = C.uint32_t(len(b))
	t.remote.stag = C.uint32_t(key)
}

// Key is the key by which the peer of a kept response reaches memory of a
// region, 0 if there is none. Only on connections over RDMA.
//
// Implements:
//
//	uint32_t xio_lookup_rkey_by_response(const struct xio_reg_mem *, const struct xio_msg *)
func (t *Tx) Key(b []byte, r Region) uint32 {
	return uint32(C.xg_key_by_tx((*C.struct_xg_tx)(t), unsafe.Pointer(unsafe.SliceData(b)), C.uint64_t(len(b)), r.mr))
}

// Key is as for Tx, by a request that has not been answered.
//
// Implements:
//
//	uint32_t xio_lookup_rkey_by_request(const struct xio_reg_mem *, const struct xio_msg *)
func (r *Rx) Key(b []byte, g Region) uint32 {
	return uint32(C.xg_key_by_rx((*C.struct_xg_rx)(r), unsafe.Pointer(unsafe.SliceData(b)), C.uint64_t(len(b)), g.mr))
}

// Valid says that the region is a registration of the library.
func (r Region) Valid() bool { return r.mr != nil }

// SameAs says that two regions are one registration.
func (r Region) SameAs(o Region) bool { return r.mr == o.mr }

// Address is where b lies.
func Address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// ReleaseNow releases a kept response that nobody shall see. The driver.
func (t *Tx) ReleaseNow() { C.xg_release_now((*C.struct_xg_tx)(t)) }

// LockedMemory is what helps when memory cannot be registered with a device.
const LockedMemory = "registered memory counts against the limit of locked memory: raise it ('ulimit -l unlimited', LimitMEMLOCK=infinity)"

// Region is the registration of the receive memory that a large message lies in,
// none for a small one.
func (r *Rx) Region() Region {
	if r.block == nil {
		return Region{}
	}
	return Region{unsafe.Pointer(C.xg_rx_mr((*C.struct_xg_rx)(r)))}
}

// RDMARoom says whether a connection over RDMA finds the memory that it locks: an
// errno value, 0 if so. libxio does not survive it otherwise. Any goroutine.
func RDMARoom() int { return int(C.xg_rdma_room()) }
