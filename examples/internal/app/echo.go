// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"sync/atomic"

	"github.com/accelio/accelio-go/xio"
)

// Texts of the C programs. C peers print them as strings, hence the NUL.
const (
	RequestHeader  = "hello world header request\x00"
	RequestData    = "hello world data request\x00"
	ResponseHeader = "hello world header response\x00"
	ResponseData   = "hello world data response\x00"
)

// Responder answers requests and counts them. It never blocks, so it may run
// inline.
type Responder struct {
	// Text is the data to answer with. Nil answers with the request's data.
	Text []byte
	// Seen, if not nil, is told the running number of each request before it
	// is answered.
	Seen func(n uint64, req *xio.Request)

	seen     atomic.Uint64
	Requests atomic.Uint64 // answered
	Failed   atomic.Uint64 // could not be answered
	BytesIn  atomic.Uint64 // data of the requests
	BytesOut atomic.Uint64 // data of the answers
}

var responseHeader = []byte(ResponseHeader)

// ServeXIO implements xio.Handler.
func (r *Responder) ServeXIO(req *xio.Request) {
	if r.Seen != nil {
		r.Seen(r.seen.Add(1), req)
	}
	in := req.Len()
	reply := xio.Message{Header: responseHeader, Data: r.Text}
	if r.Text == nil {
		reply.Data = req.Data() // its own data goes back without a copy
	}
	out := len(reply.Data)
	r.BytesIn.Add(uint64(in))
	if err := req.Reply(&reply); err != nil {
		r.Failed.Add(1)
		if !errors.Is(err, xio.ErrMsgDiscarded) {
			// The request is still open: the requester did not offer room for
			// an answer of this size. Tell it, if it still is there.
			_ = req.ReplyError(xio.ErrMsgSize, "the answer does not fit the requester's buffers")
		}
		return
	}
	r.BytesOut.Add(uint64(out))
	r.Requests.Add(1)
}
