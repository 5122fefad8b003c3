// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// FiniteRequests is the length of a finite run when no -n says otherwise. It is
// that of the C programs.
const FiniteRequests = 8_000_000

// Target is what the positional arguments, or the flags of the same meaning,
// say: where to connect or to listen, and how long to run.
type Target struct {
	URI       string
	Addr      string
	Port      string
	Transport string
	Finite    bool
	Size      int

	minPort int
}

// NewTarget registers the flags. A server may use port 0, a client not.
func NewTarget(fs *flag.FlagSet, server bool, sizeUsage string, size int) *Target {
	t := &Target{minPort: 1}
	if server {
		t.minPort = 0
	}
	fs.StringVar(&t.URI, "uri", "", "whole address as `URI`, in place of -addr, -port and -transport")
	fs.StringVar(&t.Addr, "addr", "127.0.0.1", "`host` name or address")
	fs.StringVar(&t.Port, "port", "1234", "port `number`")
	fs.StringVar(&t.Transport, "transport", "tcp", "tcp or rdma; the embedded engine has tcp")
	fs.BoolVar(&t.Finite, "finite", false, "finite run")
	fs.IntVar(&t.Size, "size", size, sizeUsage)
	return t
}

// Parse reads flags and positional arguments in any order.
func (t *Target) Parse(fs *flag.FlagSet, args []string) error {
	var pos []string
	for {
		if err := fs.Parse(args); err != nil {
			return err
		}
		if fs.NArg() == 0 {
			break
		}
		pos = append(pos, fs.Arg(0))
		args = fs.Args()[1:]
	}
	return t.positional(pos)
}

// positional takes <address> <port> [transport [finite [size]]].
func (t *Target) positional(pos []string) error {
	if len(pos) == 1 {
		return Usagef("%q is an address without a port", pos[0])
	}
	if len(pos) > 5 {
		return Usagef("%q is one argument too many", pos[5])
	}
	if len(pos) > 0 && t.URI != "" {
		return Usagef("-uri and %q both say where to go", pos[0])
	}
	for i, s := range pos {
		switch i {
		case 0:
			t.Addr = s
		case 1:
			t.Port = s
		case 2:
			t.Transport = s
		case 3:
			if s != "0" && s != "1" {
				return Usagef("finite run is 0 or 1, not %q", s)
			}
			t.Finite = s == "1"
		case 4:
			n, err := strconv.Atoi(s)
			if err != nil {
				return Usagef("message size %q is not a number", s)
			}
			// 0 is the C programs' word for their default.
			if n != 0 {
				t.Size = n
			}
		}
	}
	if t.URI != "" {
		return nil
	}
	if n, err := strconv.Atoi(t.Port); err != nil || n < t.minPort || n > 65535 {
		return Usagef("port %q is not a number from %d to 65535", t.Port, t.minPort)
	}
	if t.Transport == "" || strings.ContainsAny(t.Transport, ":/") {
		return Usagef("transport %q is not a name", t.Transport)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(t.Addr, "["), "]")
	if host == "" {
		return Usagef("the address is empty")
	}
	t.URI = t.Transport + "://" + net.JoinHostPort(host, t.Port)
	return nil
}

// Help writes what -h shows: a synopsis, the flags, one sample line.
func Help(fs *flag.FlagSet, intro, sample string) string {
	return HelpFor(fs, intro, "[flags] [<address> <port> [transport [finite run 0/1 [message size]]]]", sample)
}

// HelpFor is Help with a synopsis of the program's own.
func HelpFor(fs *flag.FlagSet, intro, synopsis, sample string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage: %s %s\n\nFlags:\n", strings.TrimSpace(intro), fs.Name(), synopsis)
	fs.SetOutput(&b)
	fs.PrintDefaults()
	fmt.Fprintf(&b, "\nExample:\n  %s\n", sample)
	return b.String()
}

// UsageError is a wrong command line.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{text: fmt.Sprintf(format, args...)}
}

func isUsage(err error) bool {
	var u *UsageError
	return errors.As(err, &u)
}
