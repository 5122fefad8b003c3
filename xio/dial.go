package xio

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Defaults of a connection.
const (
	defaultTimeout     = 10 * time.Second
	defaultDepth       = 512
	maxDepth           = 4096
	defaultMaxResponse = 64 << 10
	defaultCopyMax     = 16 << 10
	defaultMaxPending  = 4096
)

// Dialer holds the options of a client connection. The zero value is ready to
// use, and any number of goroutines may dial with one that nobody changes. A value
// out of its range makes Dial fail with ErrMsgInvalid.
type Dialer struct {
	// Context is where the connection lives. Nil gives it one of its own,
	// which ends with it.
	Context *Context
	// Timeout bounds connecting. Zero means 10 s, negative no bound but the
	// context's.
	Timeout time.Duration
	// QueueDepth is how many requests and one-way messages may be in flight;
	// Call, Send and SendMsg wait for room then. Zero means 512; at most 4096.
	QueueDepth int
	// MaxResponse is the default of Message.MaxResponse in bytes. Zero means
	// 64 KiB, or the size of the request if that is more; at most MaxMessage.
	// An installed libxio sets so much memory aside for every request in
	// flight.
	MaxResponse int
	// CopyResponse is up to which size, in bytes, the data of a response is
	// copied into Go memory, which gives its place in the queue back at once;
	// a larger one stays where it was received until its Release. Zero means
	// 16 KiB, negative copies none.
	CopyResponse int
	// PrivateData is shown to the server before it accepts. Together with the
	// URI at most 3800 bytes; nil shows nothing. It is copied.
	PrivateData []byte
	// Handler answers requests that the server side sends. Nil refuses them
	// with ErrNotSupported.
	Handler Handler
	// OnMsg gets the one-way messages of the server side, as in ListenConfig: a
	// message belongs to it until it returns, or, after Detach, until Release.
	OnMsg func(*OneWay)
	// Index says which portal of a server that has some the connection goes
	// to: n stands for portal n modulo their number, zero lets the library
	// take them in turns.
	Index int
	// LocalAddr is the address, or "address:port", to connect from. Empty lets
	// the system choose.
	LocalAddr string
	// TOS is the type of service of the connection's packets, 1 to 255. Zero
	// means the system's default.
	TOS int
	// CloseTimeout is how long the peer may take to agree to a Close before
	// the connection ends without it, rounded up to seconds, at most 65535. Zero
	// means 10 s. An installed libxio takes one second instead of any time below
	// 1000.
	CloseTimeout time.Duration
	// Inline, Workers and MaxPending are for Handler and OnMsg what they are
	// in ListenConfig.
	Inline     bool
	Workers    int
	MaxPending int
	// Observer is told of messages that have ended, Tracer follows single ones.
	// Nil costs nothing.
	Observer Observer
	Tracer   Tracer
	// Logger is as in ContextOptions.
	Logger *slog.Logger
}

// Dial connects to a server with the default options; see [Dialer.Dial].
func Dial(ctx context.Context, uri string) (*Connection, error) {
	return new(Dialer).Dial(ctx, uri)
}

// Dial connects to the server at uri, "tcp://host:port" or
// "rdma://host:port" with an optional resource ("/path?query") that the server is
// shown. The scheme alone decides on the transport. It returns when the server
// has accepted, or with an error:
//
//   - ErrAddr: the URI is malformed, or its host does not resolve to an address
//   - ErrConnect: nobody listens (then it also is syscall.ECONNREFUSED), or
//     what listens hung up
//   - ErrSessionRejected: the server's policy, or its limits, said no; the
//     error also matches the server's reason where the library tells it
//   - syscall.ENOPROTOOPT: rdma:// without RDMA; the text says how to get it
//   - syscall.ENODEV: no RDMA device has the address, or it has gone
//   - ErrTimeout: no answer in time
//   - ErrMsgCanceled: ctx ended otherwise
//   - ErrMsgInvalid, ErrMsgSize: options out of range, PrivateData too long
//   - ErrClosed: the Context is closed
//   - an errno the system reported
//
// Dial is for any goroutine but a driver.
//
// Implements:
//
//	struct xio_connection *xio_connect(struct xio_connection_params *params)
func (d *Dialer) Dial(ctx context.Context, uri string) (*Connection, error) {
	return d.connect(ctx, &Session{uri: uri})
}

// check says what is wrong with the options, or nothing.
func (d *Dialer) check() string {
	switch {
	case d.QueueDepth < 0 || d.QueueDepth > maxDepth:
		return "QueueDepth out of range"
	case d.MaxResponse < 0 || d.MaxResponse > MaxMessage:
		return "MaxResponse out of range"
	case d.Index < 0:
		return "Index out of range"
	case d.TOS < 0 || d.TOS > 255:
		return "TOS out of range"
	case d.CloseTimeout < 0 || d.CloseTimeout > maxCloseTimeout:
		return "CloseTimeout out of range"
	}
	return ""
}

// copyMax is CopyResponse with its default worked out.
func copyMax(n int) int {
	if n == 0 {
		return defaultCopyMax
	}
	return max(n, 0)
}

// timeout is Timeout or CloseTimeout with its default worked out.
func timeout(d time.Duration) time.Duration {
	if d == 0 {
		return defaultTimeout
	}
	return d
}

// maxCloseTimeout is what fits the library's 16 bits.
const maxCloseTimeout = 65535 * time.Second

// connect makes a connection of s: the first one, with the session, if s has
// no target yet.
func (d *Dialer) connect(ctx context.Context, s *Session) (*Connection, error) {
	if why := d.check(); why != "" {
		return nil, &Error{Op: "dial", URI: s.uri, Code: ErrMsgInvalid, Text: why}
	}
	if d.Timeout >= 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout(d.Timeout))
		defer cancel()
	}
	local, err := d.localAddr(s.uri)
	if err != nil {
		return nil, err
	}
	first := s.target == ""
	if first {
		if s.target, err = d.resolve(ctx, s.uri); err != nil {
			return nil, err
		}
	}
	home := d.Context
	if home == nil {
		if home, err = NewContext(ContextOptions{Logger: d.Logger}); err != nil {
			return nil, err
		}
	}
	if first && !cgo.Kin() && d.Context != nil {
		spelled, done, err := home.anew(ctx, s.target)
		if err != nil {
			return nil, contextError("dial", s.uri, err)
		}
		defer done()
		s.target = spelled
	}
	a := attempt{d: d, home: home, session: s, local: local}
	c, err := a.dial(ctx)
	if err != nil && d.Context == nil {
		home.Close()
	}
	return c, err
}

// resolve is what the library is told of a URI.
func (d *Dialer) resolve(ctx context.Context, uri string) (string, error) {
	addr, err := prepareURI(ctx, "dial", uri)
	if err != nil {
		return "", err
	}
	target := addr.String()
	if addr.port == 0 {
		return "", &Error{Op: "dial", URI: uri, Code: ErrAddr, Text: "port 0"}
	}
	if len(target)+len(d.PrivateData) > maxSetup {
		return "", &Error{Op: "dial", URI: uri, Code: ErrMsgSize, Text: "URI and private data too long"}
	}
	return target, nil
}

// localAddr is LocalAddr in the library's form.
func (d *Dialer) localAddr(uri string) (string, error) {
	if d.LocalAddr == "" {
		return "", nil
	}
	a, err := netip.ParseAddrPort(d.LocalAddr)
	if err != nil {
		ip, err := netip.ParseAddr(d.LocalAddr)
		if err != nil {
			return "", &Error{Op: "dial", URI: uri, Code: ErrAddr, Text: "LocalAddr is not an address", Err: err}
		}
		a = netip.AddrPortFrom(ip, 0)
	}
	return a.String(), nil
}

// attempt is one Dial with its options worked out.
type attempt struct {
	d       *Dialer
	home    *Context
	session *Session
	local   string
}

func (a *attempt) dial(ctx context.Context) (*Connection, error) {
	d, uri := a.d, a.session.uri
	c := newConnection(a.home, uri)
	c.private = d.Context == nil
	c.session = a.session
	c.rdma = strings.HasPrefix(a.session.target, "rdma://")
	c.maxResponse = d.MaxResponse
	c.copyMax = copyMax(d.CopyResponse)
	c.closeTime = timeout(d.CloseTimeout)
	if c.depth = d.QueueDepth; c.depth == 0 {
		c.depth = defaultDepth
	}
	c.logger = d.Logger
	c.observer, c.tracer = d.Observer, d.Tracer
	c.disp = newDispatcher(d.Handler, d.OnMsg, d.Inline, d.Workers)
	if c.maxPending = d.MaxPending; c.maxPending <= 0 {
		c.maxPending = defaultMaxPending
	}
	args := cgo.Connect{Depth: c.depth, Index: d.Index, TOS: -1, CloseSecs: seconds(d.CloseTimeout, 0), OutAddr: a.local}
	if d.TOS != 0 {
		args.TOS = d.TOS
	}
	code := ErrClosed
	a.home.do(func() { code = c.connect(&args, d.PrivateData) })
	if code != 0 {
		e := &Error{Op: "dial", URI: uri, Code: code, Text: rdmaHint(c.rdma, code)}
		if code == ErrState {
			e.Text = "the Context has a connection of this session"
		}
		return nil, e
	}
	// One that never comes up goes down.
	if !await(ctx, a.home, c.settled, false) {
		c.Close()
		e := contextError("dial", uri, ctx.Err())
		e.Text = rdmaHint(c.rdma, e.Code)
		return nil, e
	}
	if e := c.err.Load(); e != nil {
		c.Close()
		told := *e
		if told.Text == "" {
			told.Text = rdmaHint(c.rdma, e.Code)
		}
		return nil, &told
	}
	return c, nil
}
