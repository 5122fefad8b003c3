package xio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
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
	defaultMaxPending  = 4096
)

// Dialer holds the options of a client connection. The zero value is ready to
// use.
type Dialer struct {
	// Context is where the connection lives. Nil gives it one of its own,
	// which ends with it.
	Context *Context
	// Timeout bounds connecting. Zero means 10 s, negative no bound but the
	// context's.
	Timeout time.Duration
	// QueueDepth is how many requests may be in flight. Zero means 512; at
	// most 4096.
	QueueDepth int
	// MaxResponse is the default of Message.MaxResponse in bytes. Zero means
	// 64 KiB, or the size of the request if that is more; at most MaxMessage.
	// An installed libxio sets so much memory aside for every request in
	// flight.
	MaxResponse int
	// PrivateData is shown to the server before it accepts. Together with the
	// URI at most 3800 bytes.
	PrivateData []byte
	// Handler answers requests that the server side sends. Nil refuses them.
	Handler Handler
	// Inline, Workers and MaxPending are for Handler what they are in
	// ListenConfig.
	Inline     bool
	Workers    int
	MaxPending int
	// Logger is as in ContextOptions.
	Logger *slog.Logger
}

// Dial connects to a server with the default options; see [Dialer.Dial].
func Dial(ctx context.Context, uri string) (*Connection, error) {
	return new(Dialer).Dial(ctx, uri)
}

// Dial connects to the server at uri, "tcp://host:port" with an optional
// resource ("/path?query") that the server is shown. It returns when the server
// has accepted, or with an error:
//
//   - ErrAddr: the URI is malformed, or its host does not resolve to an address
//   - ErrConnect: nobody listens (then it also is syscall.ECONNREFUSED), or
//     what listens hung up
//   - ErrSessionRejected: the server's policy, or its limits, said no; the
//     error also matches the server's reason where the library tells it
//   - ErrTimeout: no answer in time
//   - an errno the system reported
//
// Implements:
//
//	struct xio_connection *xio_connect(struct xio_connection_params *params)
func (d *Dialer) Dial(ctx context.Context, uri string) (*Connection, error) {
	bad := func(why string) error {
		return &Error{Op: "dial", URI: uri, Code: ErrMsgInvalid, Text: why}
	}
	depth, maxRsp := d.QueueDepth, d.MaxResponse
	if depth == 0 {
		depth = defaultDepth
	}
	if depth < 1 || depth > maxDepth {
		return nil, bad("QueueDepth out of range")
	}
	if maxRsp < 0 || maxRsp > MaxMessage {
		return nil, bad("MaxResponse out of range")
	}
	if d.Timeout >= 0 {
		t := d.Timeout
		if t == 0 {
			t = defaultTimeout
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	addr, err := prepareURI(ctx, "dial", uri)
	if err != nil {
		return nil, err
	}
	target := addr.String()
	if addr.port == 0 {
		return nil, &Error{Op: "dial", URI: uri, Code: ErrAddr, Text: "port 0"}
	}
	if len(target)+len(d.PrivateData) > maxSetup {
		return nil, &Error{Op: "dial", URI: uri, Code: ErrMsgSize, Text: "URI and private data too long"}
	}

	home := d.Context
	if home == nil {
		if home, err = NewContext(ContextOptions{Logger: d.Logger}); err != nil {
			return nil, err
		}
	}
	a := attempt{d: d, home: home, uri: uri, target: target, depth: depth, maxRsp: maxRsp}
	c, err := a.tries(ctx)
	if err != nil && d.Context == nil {
		home.Close()
	}
	return c, err
}

// attempt is one Dial with its options worked out.
type attempt struct {
	d             *Dialer
	home          *Context
	uri, target   string
	depth, maxRsp int
}

// tries dials, more than once if it must. libxio keeps the sockets of an ended
// connection for the next one of the Context to the same target; when the peer
// gives them up just then, the new session's request is lost and nobody is told.
// So an attempt that may use such sockets gets only a part of the time, and the
// next one spells the address differently, which libxio takes for another place.
func (a *attempt) tries(ctx context.Context) (*Connection, error) {
	reuse := false
	if !cgo.Embedded && a.d.Context != nil {
		a.home.do(func() {
			reuse = a.home.dialled[a.target]
			a.home.dialled[a.target] = true
		})
	}
	if deadline, ok := ctx.Deadline(); ok && reuse {
		for n, part := range []time.Duration{8, 4, 2} {
			try := *a
			try.target = respell(a.target, n)
			ctx, cancel := context.WithTimeout(ctx, time.Until(deadline)/part)
			c, err := try.dial(ctx)
			cancel()
			if err == nil || !errors.Is(err, ErrTimeout) {
				return c, err
			}
		}
		a.target = respell(a.target, 3)
	}
	return a.dial(ctx)
}

// respell writes the first n parts of the target's IPv4 address in hexadecimal.
func respell(target string, n int) string {
	scheme, rest, _ := strings.Cut(target, "://")
	parts := strings.SplitN(rest, ".", 4)
	for i := range min(n, len(parts)-1) {
		if v, err := strconv.ParseUint(parts[i], 10, 8); err == nil {
			parts[i] = fmt.Sprintf("%#x", v)
		}
	}
	return scheme + "://" + strings.Join(parts, ".")
}

func (a *attempt) dial(ctx context.Context) (*Connection, error) {
	d := a.d
	c := newConnection(a.home, a.uri)
	c.private = d.Context == nil
	c.maxResponse = a.maxRsp
	c.depth = a.depth
	c.logger = d.Logger
	c.disp = newDispatcher(d.Handler, d.Inline, d.Workers)
	if c.maxPending = d.MaxPending; c.maxPending <= 0 {
		c.maxPending = defaultMaxPending
	}
	c.session = &Session{ctx: a.home, uri: a.uri, conn: c}

	code := ErrClosed
	a.home.do(func() {
		code = c.connect(&cgo.Connect{URI: a.target, Private: d.PrivateData, Depth: a.depth})
	})
	if code != 0 {
		return nil, &Error{Op: "dial", URI: a.uri, Code: code}
	}
	var err error
	select {
	case <-c.upCh:
		return c, nil
	case <-c.down:
		err = c.Err()
	case <-ctx.Done():
		err = contextError("dial", a.uri, ctx.Err())
	}
	c.Close()
	return nil, err
}
