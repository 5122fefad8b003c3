package xio

import (
	"fmt"
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

// LogLevel is how much the library writes to standard error.
type LogLevel int

// Log levels of the library. The zero value is LogError.
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
	// Keepalive tunes the keepalive of all connections.
	Keepalive Keepalive
	// DisableKeepalive turns keepalive off.
	DisableKeepalive bool
	// LogLevel is what the library writes to standard error.
	LogLevel LogLevel
}

// Init starts the library with options. It need not be called; when it is, then
// before anything else of xio and pool. A second call with the same options
// does nothing, with others it fails with ErrState. No other function changes
// process-wide settings.
//
// Implements:
//
//	void xio_init(void)
//	int xio_set_opt(void *, int, int, const void *, int)
func Init(o LibraryOptions) error {
	opts := cgo.Options{
		SingleStream: o.SingleStream,
		NoKeepalive:  o.DisableKeepalive,
		LogLevel:     int(o.LogLevel) + cgo.LogError,
	}
	if k := o.Keepalive; k != (Keepalive{}) {
		opts.TimeSec = seconds(k.Time, 60)
		opts.IntervalSec = seconds(k.Interval, 20)
		if opts.Probes = k.Probes; opts.Probes <= 0 {
			opts.Probes = 3
		}
	}
	rc, mismatch := cgo.Start(opts)
	if rc != 0 {
		return &Error{Op: "init", Code: Code(rc)}
	}
	if mismatch {
		return &Error{Op: "init", Code: ErrState, Text: "the library runs already, with other options"}
	}
	return nil
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
