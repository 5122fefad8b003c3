package xio

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Limits of a message, in bytes. They are the library's defaults, which both
// peers share.
const (
	MaxHeader     = cgo.MaxHeader   // Message.Header
	MaxInlineData = cgo.InlineData  // data that travels together with the header
	MaxMessage    = 64 << 20        // header and data of a message together
	MaxSegments   = cgo.MaxSegments // Data, if there is any, and Buffers
)

// LogLevel is how much the library logs.
type LogLevel int

// Log levels of the library, each with those before it. The zero value is
// LogError.
const (
	LogFatal LogLevel = iota - 1
	LogError
	LogWarn
	LogInfo
	LogDebug
	LogTrace
)

// Keepalive tunes how a dead peer is noticed on an idle connection. Times are
// rounded up to seconds.
type Keepalive struct {
	Time     time.Duration // before the first probe; zero means 60 s
	Interval time.Duration // between probes; zero means 20 s
	Probes   int           // unanswered ones before the connection is lost; zero means 3
}

// LibraryOptions are the settings of the library that hold for the whole
// process. The zero value is what the library starts with when [Init] is not
// called.
type LibraryOptions struct {
	// SingleStream makes client connections use one TCP socket instead of
	// two. Servers follow the client.
	SingleStream bool
	// Keepalive tunes the keepalive of all connections; see there for what zero
	// means.
	Keepalive Keepalive
	// DisableKeepalive turns keepalive off.
	DisableKeepalive bool
	// LogLevel is what the library logs. Zero is LogError.
	LogLevel LogLevel
	// Logger gets what the library logs, with its level, and the place in the
	// library as "source". Nil means standard error.
	Logger *slog.Logger
	// FlowControl makes connections respect how much the peer is ready to
	// take. Both sides must have it on, or both off.
	FlowControl bool
	// Reconnect lets connections survive the loss of the network, if both
	// sides have it on: they connect again, with what was not yet answered. It
	// turns keepalive off. Only between embedded engines; see
	// docs/differences.md for what becomes of a message.
	Reconnect bool
	// QueueMessages is how many messages a connection queues at most, to send
	// and to receive, with FlowControl; up to 65535. A Dialer's QueueDepth
	// above it gets errors with ErrTxQueueOverflow. Zero means 1024.
	QueueMessages int
	// QueueBytes is the same for the messages' data, in bytes, and without
	// FlowControl the size of the largest message. Zero means 64 MiB.
	QueueBytes uint64
	// SocketBuffer is the size of the sockets' buffers in bytes, as far as the
	// system lets it be. Zero means 4 MiB.
	SocketBuffer int
	// Segments is how many pieces of memory a peer may lay out a message in, or
	// the room for an answer; it is told when it connects. From MaxSegments to 256.
	// What this package sends has up to MaxSegments in any case. Zero means
	// MaxSegments. An installed libxio then needs more memory for every message in
	// flight: 64 KiB on either side where this is 256.
	Segments int
}

// Init starts the library with options. It need not be called; when it is, then
// before anything else of xio and pool. A second call with the same options
// does nothing. No other function changes process-wide settings. It may be called
// from any goroutine.
//
// Errors: ErrState if the library runs with other options; ErrMsgInvalid for
// options out of range; ErrUnsuccessful without descriptors for the log.
//
// Implements:
//
//	void xio_init(void)
//	int xio_set_opt(void *, int, int, const void *, int)
func Init(o LibraryOptions) error {
	fail := func(code Code, why string) error { return &Error{Op: "init", Code: code, Text: why} }
	switch {
	case o.QueueMessages < 0 || o.QueueMessages > 65535:
		return fail(ErrMsgInvalid, "QueueMessages out of range")
	case o.SocketBuffer < 0 || o.SocketBuffer > 1<<30:
		return fail(ErrMsgInvalid, "SocketBuffer out of range")
	case o.Segments != 0 && (o.Segments < MaxSegments || o.Segments > 256):
		return fail(ErrMsgInvalid, "Segments out of range")
	}
	initMu.Lock()
	defer initMu.Unlock()
	if inited != nil {
		if *inited != o {
			return fail(ErrState, "the library runs already, with other options")
		}
		return nil
	}
	opts := o.forLibrary()
	var lines *logPipe
	if o.Logger != nil {
		var err error
		if lines, err = newLogPipe(); err != nil {
			return &Error{Op: "init", Code: ErrUnsuccessful, Err: err}
		}
		opts.LogFD = lines.fd
	}
	rc, mismatch := cgo.Start(opts)
	if rc != 0 || mismatch {
		lines.close()
		if rc != 0 {
			return fail(Code(rc), "")
		}
		return fail(ErrState, "the library runs already, with other options")
	}
	if lines != nil {
		go lines.copyTo(o.Logger)
	}
	inited = &o
	return nil
}

var (
	initMu sync.Mutex
	inited *LibraryOptions
)

func (o *LibraryOptions) forLibrary() cgo.Options {
	opts := cgo.Options{
		SingleStream:  o.SingleStream,
		NoKeepalive:   o.DisableKeepalive,
		LogLevel:      int(o.LogLevel) + cgo.LogError,
		LogFD:         -1,
		FlowControl:   o.FlowControl,
		Reconnect:     o.Reconnect,
		QueueMessages: o.QueueMessages,
		QueueBytes:    o.QueueBytes,
		SocketBuffer:  o.SocketBuffer,
		Segments:      o.Segments,
	}
	if k := o.Keepalive; k != (Keepalive{}) {
		opts.TimeSec = seconds(k.Time, 60)
		opts.IntervalSec = seconds(k.Interval, 20)
		if opts.Probes = k.Probes; opts.Probes <= 0 {
			opts.Probes = 3
		}
	}
	return opts
}

func seconds(d time.Duration, zero int) int {
	if d <= 0 {
		return zero
	}
	return int((d + time.Second - 1) / time.Second)
}

// EngineInfo says which library does the work.
type EngineInfo struct {
	Provider string // "embedded" or "libxio"
	Version  string // as the library reports it
	Linkage  string // "compiled in", or the path of the shared object
}

// String is the information on one line.
func (e EngineInfo) String() string {
	return fmt.Sprintf("%s %s (%s)", e.Provider, e.Version, e.Linkage)
}

// Engine says which library this program runs on.
//
// Implements:
//
//	const char *xio_version(void)
func Engine() EngineInfo {
	if cgo.Embedded {
		return EngineInfo{Provider: "embedded", Version: cgo.Version(), Linkage: "compiled in"}
	}
	return EngineInfo{Provider: "libxio", Version: cgo.Version(), Linkage: cgo.Linkage()}
}
