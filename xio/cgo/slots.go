//go:build cgo

package cgo

/*
#include "shim.h"
*/
import "C"

import "unsafe"

// Tx is a request slot: C memory that holds a message while it is in flight.
// It belongs to Go from its EvResponse or EvEnded record (with FlagKeep: from
// the submission of OpRelease) until the submission of OpSend.
type Tx C.struct_xg_tx

// Rx is a receive slot: a request that arrived and the reply to it. It belongs
// to Go from EvRequest until the submission of OpReply.
type Rx C.struct_xg_rx

// Submission is the slot as the P of an Op.
func (t *Tx) Submission() unsafe.Pointer { return unsafe.Pointer(t) }

// SetGen sets the generation that the slot's record will carry.
func (t *Tx) SetGen(gen uint32) { t.gen = C.uint32_t(gen) }

// SetOneWay says whether the message is a one-way, which has no response.
func (t *Tx) SetOneWay(on bool) { t.oneway = flag(on) }

// SetReceipt says whether EvDelivered, or for a one-way EvEnded, shall tell
// that the peer's application has seen the message.
func (t *Tx) SetReceipt(on bool) { t.receipt = flag(on) }

func flag(on bool) C.uint32_t {
	if on {
		return 1
	}
	return 0
}

// SetMaxResponse sets the largest response data wanted; 0 is what fits inline.
func (t *Tx) SetMaxResponse(n int) { t.max_rsp = C.uint64_t(n) }

// Begin starts the outgoing side: it copies the header, and copies data inline
// behind it. The data fits InlineData.
func (t *Tx) Begin(header, data []byte) { begin(&t.out, t.buf, header, data) }

// Add appends a segment that the library reads in place.
func (t *Tx) Add(b []byte, r Region) { add(&t.out, b, r) }

// View is what arrived in response.
func (t *Tx) View() View { return View{&t.in} }

// Submission is the slot as the P of an Op.
func (r *Rx) Submission() unsafe.Pointer { return unsafe.Pointer(r) }

// Room is the largest response data that the requester offered to take beyond
// what fits inline; 0 is none.
func (r *Rx) Room() uint64 { return uint64(r.room) }

// SetNotify asks for an EvReplied record when the reply is done with.
func (r *Rx) SetNotify() { r.notify = 1 }

// Begin is as for Tx.
func (r *Rx) Begin(header, data []byte) { begin(&r.out, r.buf, header, data) }

// Add is as for Tx.
func (r *Rx) Add(b []byte, g Region) { add(&r.out, b, g) }

// View is the request.
func (r *Rx) View() View { return View{&r.in} }

func begin(o *C.struct_xg_out, buf *C.uint8_t, header, data []byte) {
	b := unsafe.Slice((*byte)(buf), slotBufLen)
	o.hdr_len = C.uint32_t(copy(b[:slotDataStart], header))
	o.data_len = C.uint32_t(copy(b[slotDataStart:], data))
	o.nseg = 0
}

func add(o *C.struct_xg_out, b []byte, r Region) {
	s := &o.seg[o.nseg]
	s.base = unsafe.Pointer(unsafe.SliceData(b))
	s.len = C.uint64_t(len(b))
	s.mr = r.mr
	o.nseg++
}

// View is a received message, in memory of the library or of the context.
type View struct{ v *C.struct_xg_view }

// Header is the application's header.
func (v View) Header() []byte {
	return unsafe.Slice((*byte)(v.v.hdr), int(v.v.hdr_len))
}

// Len is the length of all data.
func (v View) Len() int { return int(v.v.len) }

// Contiguous says that the segments follow each other in memory.
func (v View) Contiguous() bool { return v.v.contiguous != 0 }

// Segments is the number of segments.
func (v View) Segments() int { return int(v.v.nseg) }

// Segment is the i-th segment.
func (v View) Segment(i int) []byte {
	s := (*C.struct_xio_iovec_ex)(unsafe.Add(unsafe.Pointer(v.v.seg), uintptr(i)*C.sizeof_struct_xio_iovec_ex))
	return unsafe.Slice((*byte)(s.iov_base), int(s.iov_len))
}

// Data is all data as one slice; the view is contiguous.
func (v View) Data() []byte {
	if v.v.nseg == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(v.v.seg.iov_base), int(v.v.len))
}
