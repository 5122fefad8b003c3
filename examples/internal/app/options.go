// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"

	"github.com/accelio/accelio-go/xio"
)

// Options is the command line of Accelio's C test programs: options, each with
// a short and a long name, and the host behind them.
type Options struct {
	URI       string // from host, transport and port
	Host      string
	CPU       int // -1: any
	Port      int
	Transport string
	Header    int
	Data      int
	Finite    bool
	// Count is how many messages a client sends, or a server receives, 0 for no
	// end. -count sets it, and at a client -finite-run, with the number of the C
	// program.
	Count uint64
	// Depth is how many messages are in flight; not an option of the C
	// programs.
	Depth int

	drive  xio.Drive
	fs     *flag.FlagSet
	server bool
	finite uint64
}

// zeroOne is a flag that is 0 or 1 and needs its value, as getopt's do.
type zeroOne bool

func (z *zeroOne) String() string {
	if z != nil && *z {
		return "1"
	}
	return "0"
}

func (z *zeroOne) Set(s string) error {
	if s != "0" && s != "1" {
		return errors.New("it is 0 or 1")
	}
	*z = s == "1"
	return nil
}

// NewOptions registers the flags. A finite run of a client has finite messages,
// that of a server ends when its last client has left. depth is the default number
// in flight, 0 for a program without that flag.
func NewOptions(name string, server bool, finite uint64, depth int) *Options {
	o := &Options{fs: flag.NewFlagSet(name, flag.ContinueOnError), server: server, finite: finite, Depth: depth}
	fs := Flags{o.fs}
	fs.Number(&o.CPU, "c", "cpu", -1, "bind the event loop to `cpu`; -1: any")
	fs.Number(&o.Port, "p", "port", 2061, "port `number`")
	fs.Number(&o.Header, "n", "header-len", 32, fmt.Sprintf("length of the header in `bytes`, 0 to %d", xio.MaxHeader))
	fs.Number(&o.Data, "w", "data-len", 32, "length of the data in `bytes`")
	fs.Text(&o.Transport, "r", "transport", "tcp", "tcp or rdma; the embedded engine has tcp")
	end := "end after " + strconv.FormatUint(finite, 10) + " messages"
	if server {
		end = "end when the last client has left"
	}
	fs.Var((*zeroOne)(&o.Finite), "f", "`0 or 1`: "+end)
	fs.Var((*zeroOne)(&o.Finite), "finite-run", "the same as -f")
	fs.Uint64Var(&o.Count, "count", 0, "end after this `number` of messages")
	if depth > 0 {
		fs.IntVar(&o.Depth, "depth", depth, "messages in flight, 1 to 4096")
	}
	return o
}

// Flags is for flags of the program's own.
func (o *Options) Flags() *flag.FlagSet { return o.fs }

// Parse reads the command line. help says that -h was given, which has been
// answered on w.
func (o *Options) Parse(args []string, w io.Writer, intro, sample string) (help bool, err error) {
	fs := o.fs
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	var pos []string
	for {
		if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
			_, err = io.WriteString(w, HelpFor(fs, intro, "[flags] [<host>]", sample))
			return true, err
		} else if err != nil {
			return false, Usagef("%v", err)
		}
		if fs.NArg() == 0 {
			break
		}
		pos = append(pos, fs.Arg(0))
		args = fs.Args()[1:]
	}
	return false, o.check(pos)
}

func (o *Options) check(pos []string) error {
	if len(pos) > 1 {
		return Usagef("%q is one argument too many", pos[1])
	}
	o.Host = "127.0.0.1"
	if len(pos) == 1 {
		o.Host = pos[0]
	}
	minPort := 1
	if o.server {
		minPort = 0
	}
	switch {
	case o.Host == "":
		return Usagef("the host is empty")
	case o.Port < minPort || o.Port > 65535:
		return Usagef("port %d is not within %d to 65535", o.Port, minPort)
	case o.Header < 0 || o.Header > xio.MaxHeader:
		return Usagef("header length %d is not within 0 to %d", o.Header, xio.MaxHeader)
	case o.Data < 0 || o.Header+o.Data > xio.MaxMessage:
		return Usagef("data length %d is not within 0 to %d", o.Data, xio.MaxMessage-o.Header)
	case o.Depth < 0 || o.Depth > 4096 || (o.Depth == 0 && o.fs.Lookup("depth") != nil):
		return Usagef("depth %d is not within 1 to 4096", o.Depth)
	case o.CPU < -1:
		return Usagef("there is no processor %d", o.CPU)
	case !slices.Contains([]string{"tcp", "rdma"}, o.Transport):
		return Usagef("transport %q is neither tcp nor rdma", o.Transport)
	}
	if o.Finite && o.Count == 0 && !o.server {
		o.Count = o.finite
	}
	o.URI = o.Transport + "://" + net.JoinHostPort(o.Host, strconv.Itoa(o.Port))
	return nil
}

// Print writes the parameters as the C programs do when they start.
func (o *Options) Print(w io.Writer) {
	const line = " ============================================="
	finite := 0
	if o.Finite {
		finite = 1
	}
	fmt.Fprintf(w, "%s\n Server Address\t\t: %s\n Server Port\t\t: %d\n Transport\t\t: %s\n Header Length\t\t: %d\n"+
		" Data Length\t\t: %d\n CPU Affinity\t\t: %d\n Finite run\t\t: %d\n%s\n",
		line, o.Host, o.Port, o.Transport, o.Header, o.Data, o.CPU, finite, line)
}

// DriveFlag registers -drive.
func (o *Options) DriveFlag() {
	o.fs.Func("drive", "what the event loop does while it waits, a `word`: auto looks for a while, then sleeps; park sleeps; busy only looks (default auto)",
		func(s string) error {
			for _, d := range []xio.Drive{xio.DriveAuto, xio.DrivePark, xio.DriveBusy} {
				if d.String() == s {
					o.drive = d
					return nil
				}
			}
			return errors.New("it is auto, park or busy")
		})
}

// Context makes the event loop that -cpu and -drive ask for.
func (o *Options) Context() (*xio.Context, error) {
	c := xio.ContextOptions{Drive: o.drive}
	if o.CPU >= 0 {
		c.CPUs = []int{o.CPU}
	}
	return xio.NewContext(c)
}
