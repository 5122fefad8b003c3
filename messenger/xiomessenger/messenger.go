// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"fmt"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// Options tune an XioMessenger. The zero value is ready to use.
type Options struct {
	// TransportType is "tcp" or "rdma". Empty means tcp.
	//
	// Implements: xio_transport_type
	TransportType string
	// PortalThreads is how many portals there are, 1 to 64. Zero means 2.
	//
	// Implements: xio_portal_threads
	PortalThreads int
	// QueueDepth is how many xio messages of a connection may be in flight, 8 to
	// 4096. Zero means 128. At four fifths of it the connection is flow
	// controlled, until it is down to half of that.
	//
	// Implements: xio_queue_depth
	QueueDepth int
	// QueueBytes is the same for the data in flight, in bytes. Zero means
	// 64 MiB. One message may be larger.
	QueueBytes int64
	// SegmentSize is how much data an xio message gets, in bytes, 4096 to
	// 16 MiB, as far as buffers can be divided: one of package pool travels in
	// one piece. Zero means 1,044,480.
	SegmentSize int
	// Pool is where memory comes from for data that must be copied. Nil means
	// pool.Default().
	Pool *pool.Pool
	// CloseTimeout bounds how long a link may take to close when the peer does
	// not answer, in whole seconds. Zero means 2 s.
	CloseTimeout time.Duration
	// Drive says who turns the portals.
	Drive xio.Drive
	// CephCompat leaves out the handshake, to talk to Ceph's xio messenger. All
	// policies must be lossy then.
	CephCompat bool
}

const (
	maxPortals         = 64
	defaultPortals     = 2
	defaultDepth       = 128
	defaultQueueBytes  = 64 << 20
	defaultSegmentSize = 1<<20 - 4096
	maxSegmentSize     = 16 << 20
	defaultClose       = 2 * time.Second
)

// check fills in the defaults.
func (o *Options) check() error {
	if o.TransportType == "" {
		o.TransportType = "tcp"
	}
	if o.PortalThreads == 0 {
		o.PortalThreads = defaultPortals
	}
	if o.QueueDepth == 0 {
		o.QueueDepth = defaultDepth
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = defaultQueueBytes
	}
	if o.SegmentSize == 0 {
		o.SegmentSize = defaultSegmentSize
	}
	if o.CloseTimeout == 0 {
		o.CloseTimeout = defaultClose
	}
	if o.Pool == nil {
		o.Pool = pool.Default()
	}
	switch {
	case o.TransportType != "tcp" && o.TransportType != "rdma":
		return fmt.Errorf("xiomessenger: TransportType %q is neither tcp nor rdma", o.TransportType)
	case o.PortalThreads < 1 || o.PortalThreads > maxPortals:
		return fmt.Errorf("xiomessenger: PortalThreads %d is not within 1 and %d", o.PortalThreads, maxPortals)
	case o.QueueDepth < 8 || o.QueueDepth > 4096:
		return fmt.Errorf("xiomessenger: QueueDepth %d is not within 8 and 4096", o.QueueDepth)
	case o.QueueBytes < 0:
		return fmt.Errorf("xiomessenger: QueueBytes %d is negative", o.QueueBytes)
	case o.SegmentSize < 4096 || o.SegmentSize > maxSegmentSize:
		return fmt.Errorf("xiomessenger: SegmentSize %d is not within 4096 and %d", o.SegmentSize, maxSegmentSize)
	case o.CloseTimeout < 0:
		return fmt.Errorf("xiomessenger: CloseTimeout %v is negative", o.CloseTimeout)
	}
	return nil
}

// XioMessenger is a messenger.Messenger over Accelio. It is safe for concurrent use.
//
// Implements: XioMessenger
type XioMessenger struct {
	*core.Messenger
	t *transport
}

var _ messenger.Messenger = (*XioMessenger)(nil)

// New makes a messenger, without any I/O. The nonce, names, limits and hooks are in
// cfg. An option out of range is an error.
func New(cfg messenger.Config, o Options) (*XioMessenger, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	x := &XioMessenger{t: newTransport(&cfg, o)}
	core.New(cfg, x.t, func(m *core.Messenger) messenger.Messenger {
		x.Messenger = m
		return x
	})
	return x, nil
}

// Portals are the portals that are in use at present.
func (x *XioMessenger) Portals() []*XioPortal { return x.t.portals() }

// Links are the xio connections at present, those of half-open peers included.
func (x *XioMessenger) Links() []*XioConnection { return x.t.links() }
