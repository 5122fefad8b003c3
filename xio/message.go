package xio

import (
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio/cgo"
)

// Message is what an application sends: a request, the reply to one, or a
// one-way. It is plain memory of the application. Header and Data are copied while
// Call, Send or Reply runs, so they, and the Message, may be reused when it
// returns, and a Message that nobody changes may be sent by several goroutines at
// once.
type Message struct {
	// Header is a small application header, at most MaxHeader bytes, that
	// travels beside the data.
	Header []byte
	// Data is copied into C memory. A reply whose Data is (part of) the Data
	// of its Request is sent without the copy.
	Data []byte
	// Buffers follow Data and are sent from where they are. The library holds
	// a reference of its own until it is done with them: they may be released
	// at once. When their bytes may be written to again is said by the method
	// that sends them. One that was released before makes it fail
	// with ErrMsgInvalid.
	Buffers []*pool.Buffer
	// MaxResponse is, on a request, the largest response data to accept, in
	// bytes, up to MaxMessage. Zero means the Dialer's MaxResponse. A response
	// within MaxInlineData is accepted in any case.
	MaxResponse int
	// HoldResponse keeps, on a request, the response in the library's memory
	// until its Release even if it is small, as Response.Expose needs it.
	HoldResponse bool
	// Receipt asks, on a one-way message, for a read receipt: SendMsg's
	// completion then waits for it.
	Receipt bool
	// OnDelivered, on a request, asks for a read receipt and is called when it
	// comes, before the response, on the connection's driver: it must not
	// block. It may never come, above all from a libxio whose application
	// answers at once.
	OnDelivered func()
}

// Len is the length of all data, in Data and Buffers, in bytes.
func (m *Message) Len() int {
	n := len(m.Data)
	for _, b := range m.Buffers {
		n += b.Len()
	}
	return n
}

// check says what makes m impossible to send under this header, or 0.
func (m *Message) check(header []byte) (Code, string) {
	if len(header) > MaxHeader {
		return ErrMsgSize, "header above MaxHeader"
	}
	nseg := len(m.Buffers)
	if len(m.Data) > 0 {
		nseg++
	}
	if nseg > MaxSegments {
		return ErrMsgInvalid, "more segments than MaxSegments"
	}
	if m.Len()+len(header) > MaxMessage {
		return ErrMsgSize, "header and data above MaxMessage"
	}
	if m.MaxResponse < 0 || m.MaxResponse > MaxMessage {
		return ErrMsgInvalid, "MaxResponse out of range"
	}
	return 0, ""
}

const releasedText = "a buffer was released before"

// retain takes a reference to every buffer, or to none if one has none left.
func (m *Message) retain() bool {
	for i, b := range m.Buffers {
		if !b.TryRetain() {
			m.release(i)
			return false
		}
	}
	return true
}

// release gives the references to the first n buffers back.
func (m *Message) release(n int) {
	for _, b := range m.Buffers[:n] {
		b.Release()
	}
}

// received is what Request and Response have in common: a message that arrived,
// either in C memory (view) or copied (header, data).
type received struct {
	header []byte
	data   []byte
	segs   [][]byte // nil: data is the only segment
	n      int
	stats  *counters // of a view: count the copy that whole may make
}

// fromView points r into C memory.
func (r *received) fromView(v cgo.View, stats *counters) {
	r.stats = stats
	r.header = v.Header()
	r.n = v.Len()
	r.segs = r.segs[:0]
	if v.Segments() > 1 {
		for i := range v.Segments() {
			r.segs = append(r.segs, v.Segment(i))
		}
	}
	if v.Contiguous() {
		r.data = v.Data()
	} else {
		r.data = nil
	}
}

// copyView copies a small message into buf and returns the buffer.
func (r *received) copyView(v cgo.View, buf []byte) []byte {
	buf = append(buf[:0], v.Header()...)
	h := len(buf)
	for i := range v.Segments() {
		buf = append(buf, v.Segment(i)...)
	}
	r.n = v.Len()
	r.header = buf[:h:h]
	r.data = buf[h:]
	r.segs = r.segs[:0]
	if v.Segments() > 1 {
		rest := r.data
		for i := range v.Segments() {
			n := len(v.Segment(i))
			r.segs = append(r.segs, rest[:n:n])
			rest = rest[n:]
		}
	}
	return buf
}

func (r *received) clear() {
	clear(r.segs[:cap(r.segs)])
	*r = received{segs: r.segs[:0]}
}

// whole is the data as one slice, gathered if it must be.
func (r *received) whole() []byte {
	if r.data == nil && r.n > 0 {
		b := make([]byte, 0, r.n)
		for _, s := range r.segs {
			b = append(b, s...)
		}
		r.stats.addCopies(1, uint64(r.n))
		r.data = b
	}
	return r.data
}

func (r *received) segments() [][]byte {
	if len(r.segs) == 0 && r.n > 0 {
		r.segs = append(r.segs, r.data)
	}
	return r.segs
}

func (r *received) copyTo(dst []byte) int {
	n := 0
	for _, s := range r.segments() {
		n += copy(dst[n:], s)
	}
	return n
}
