// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"sync/atomic"

	"github.com/accelio/accelio-go/xio"
)

// XioPortal is a worker: an event loop with the connections that live on it. It is
// safe for concurrent use.
//
// Implements: XioPortal
type XioPortal struct {
	ctx       *xio.Context
	index     int
	listening bool
	conns     atomic.Int32
}

func newPortal(o *Options, index int, listening bool) (*XioPortal, error) {
	ctx, err := xio.NewContext(xio.ContextOptions{Drive: o.Drive})
	if err != nil {
		return nil, err
	}
	return &XioPortal{ctx: ctx, index: index, listening: listening}, nil
}

// Index numbers the portals from 0: those that peers connect to, and those that this
// side connects from, each for themselves.
func (p *XioPortal) Index() int { return p.index }

// Listening says that peers connect to the portal.
func (p *XioPortal) Listening() bool { return p.listening }

// Stats are the counters of the portal's loop.
func (p *XioPortal) Stats() xio.ContextStats { return p.ctx.Stats() }
