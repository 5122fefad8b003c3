package xio

import (
	"fmt"
	"strconv"
	"strings"
)

// anew is the target as libxio gets it. To a new connection it gives the sockets of one
// that is about to end, if both are of one Context and go to the same place; when the
// peer closes them just then, libxio uses memory that it has freed, or loses the new
// session's request and tells nobody. So each dial spells the address differently,
// which libxio takes for another place. Driver only.
func (c *Context) anew(target string) string {
	n := c.dialled[target]
	c.dialled[target]++
	return respell(target, n)
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
