package xio

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// anew is the target as libxio gets it. To a new connection it gives the sockets of one
// that is about to end, if both are of one Context and go to the same place; when the
// peer closes them just then, libxio uses memory that it has freed, or loses the new
// session's request and tells nobody. So each dial spells the address differently,
// which libxio takes for another place.
//
// Each then has sockets of its own to open, and many at once are too much for a libxio
// that listens: one dial of a Context to a place connects at a time. The next may when
// done has been called.
func (c *Context) anew(ctx context.Context, target string) (spelled string, done func(), err error) {
	var p *place
	c.do(func() {
		if p = c.dialled[target]; p == nil {
			p = &place{turn: make(chan struct{}, 1)}
			c.dialled[target] = p
		}
	})
	if p == nil { // the Context has gone, and the dial will say so
		return target, func() {}, nil
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return "", nil, ctx.Err()
	}
	p.dials++
	return respell(target, p.dials-1), func() { <-p.turn }, nil
}

// place is one that a Context dials.
type place struct {
	turn  chan struct{} // full while a dial connects
	dials int           // so far; whose turn it is
}

// spellings of a part of an IPv4 address, none more than three characters longer than
// the first, as libxio's room for a URI is tight.
var spellings = [...]string{"%d", "0x%x", "0x0%x", "0%o", "00%o"}

// respell writes the target's IPv4 address in its n-th way.
func respell(target string, n int) string {
	u, why := parseURI(target)
	parts := strings.Split(u.host, ".")
	if why != "" || len(parts) != 4 {
		return target
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			return target
		}
		parts[i] = fmt.Sprintf(spellings[n%len(spellings)], v)
		n /= len(spellings)
	}
	u.host = strings.Join(parts, ".")
	return u.String()
}
