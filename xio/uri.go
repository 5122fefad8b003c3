package xio

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/accelio/accelio-go/xio/cgo"
)

// maxSetup bounds URI and private data together; libxio overflows beyond it.
const maxSetup = 3800

// uri is a parsed "scheme://host:port/resource".
type uri struct {
	scheme, host, resource string
	port                   uint16
}

func parseURI(s string) (uri, string) {
	var u uri
	if strings.ContainsRune(s, 0) {
		return u, "the URI contains a zero byte"
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme == "" {
		return u, "want scheme://host:port"
	}
	switch scheme {
	case "tcp", "rdma":
		u.scheme = scheme
	default:
		return u, "unknown scheme " + strconv.Quote(scheme) + ", want tcp or rdma"
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, u.resource = rest[:i], rest[i:]
	}
	host, port, err := net.SplitHostPort(authority)
	if err != nil {
		return u, "want scheme://host:port"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return u, "bad port " + strconv.Quote(port)
	}
	u.host, u.port = host, uint16(n)
	return u, ""
}

func (u uri) String() string {
	host := u.host
	if strings.ContainsRune(host, ':') {
		host = "[" + host + "]"
	}
	return u.scheme + "://" + host + ":" + strconv.Itoa(int(u.port)) + u.resource
}

// resolve replaces the host by an address. libxio would resolve by itself, but
// blocking, and a failed attempt on an IPv6 address breaks it.
func (u uri) resolve(ctx context.Context) (uri, error) {
	if u.host == "*" {
		u.host = "0.0.0.0"
		return u, nil
	}
	if u.host == "" {
		return u, errNoHost
	}
	var addrs []netip.Addr
	if a, err := netip.ParseAddr(u.host); err == nil {
		addrs = []netip.Addr{a}
	} else if addrs, err = net.DefaultResolver.LookupNetIP(ctx, "ip", u.host); err != nil {
		return u, err
	}
	var v6 *netip.Addr
	for _, a := range addrs {
		a = a.Unmap()
		if a.Is4() {
			u.host = a.String()
			return u, nil
		}
		if v6 == nil {
			v6 = &a
		}
	}
	if v6 == nil || !cgo.Embedded {
		return u, errNoIPv4
	}
	u.host = v6.String()
	return u, nil
}

type textError string

func (e textError) Error() string { return string(e) }

const (
	errNoHost = textError("no host given")
	errNoIPv4 = textError("the host has no IPv4 address, and this library speaks IPv4 only")
)

// prepareURI checks and resolves a URI for op.
func prepareURI(ctx context.Context, op, s string) (uri, error) {
	u, why := parseURI(s)
	if why != "" {
		return u, &Error{Op: op, URI: s, Code: ErrAddr, Text: why}
	}
	r, err := u.resolve(ctx)
	if err != nil {
		if cerr := ctx.Err(); cerr != nil {
			e := contextError(op, s, cerr)
			e.Text = "resolving the host"
			return u, e
		}
		return u, &Error{Op: op, URI: s, Code: ErrAddr, Err: err}
	}
	return r, nil
}
