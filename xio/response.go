package xio

import (
	"sync"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Response is the answer to a request. What its methods return is valid until
// Release. A small response (see Dialer.CopyResponse) is a copy in Go memory; a larger one
// stays in the library's memory and occupies its place in the connection's
// queue until Release. One goroutine at a time.
type Response struct {
	in       received
	buf      []byte // backs in for a copy
	call     *call  // holds the C memory otherwise
	released bool
}

var responses = sync.Pool{New: func() any { return new(Response) }}

func newResponse() *Response {
	if debugBuild {
		return new(Response)
	}
	r := responses.Get().(*Response)
	r.released = false
	return r
}

// copied makes a Response of what is gone at the next turn.
func copied(v cgo.View) *Response {
	r := newResponse()
	r.buf = r.in.copyView(v, r.buf)
	return r
}

// kept makes a Response over C memory that stays until Release.
func kept(c *call) *Response {
	r := newResponse()
	r.call = c
	r.in.fromView(c.tx.View(), &c.conn.stats)
	return r
}

func (r *Response) check() {
	if debugBuild && r.released {
		panic("xio: use of a released Response")
	}
}

// Header is the application header that came with the response.
func (r *Response) Header() []byte { r.check(); return r.in.header }

// Data is the response's data as one slice.
func (r *Response) Data() []byte { r.check(); return r.in.whole() }

// Segments is the data as it lies in memory: usually one segment.
func (r *Response) Segments() [][]byte { r.check(); return r.in.segments() }

// Len is the length of the data in bytes.
func (r *Response) Len() int { r.check(); return r.in.n }

// CopyData copies the data into dst and returns how many bytes fitted.
func (r *Response) CopyData(dst []byte) int { r.check(); return r.in.copyTo(dst) }

// Release gives the response back. It must be called once; nothing that came
// from the Response may be used afterwards. Closing the connection does not
// replace it: memory under a Response stays valid until its Release.
//
// Implements:
//
//	int xio_release_response(struct xio_msg *rsp)
func (r *Response) Release() {
	if r.released {
		panic("xio: Response released twice")
	}
	r.released = true
	if c := r.call; c != nil {
		r.call = nil
		c.conn.ctx.push(&c.sub, subRelease)
	}
	if debugBuild {
		for i := range r.buf {
			r.buf[i] = 0xDB
		}
		return
	}
	r.in.clear()
	responses.Put(r)
}
