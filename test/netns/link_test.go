// SPDX-License-Identifier: Apache-2.0

package netns

import (
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// link is a peer in a namespace of its own, and the way to it.
type link struct {
	t     *testing.T
	peer  *peer
	host  string // the peer's address
	near  string // the device on this side
	far   string // the device on the peer's
	relay *relay // if the link is one
}

// links numbers the links of this process: tests run at a time, each with devices
// and a network of its own.
var links atomic.Int32

// newLink makes a link of one kind; w is its weather, if the kind has any.
func newLink(t *testing.T, kind linkKind, w weather) *link {
	t.Helper()
	needsNamespaces(t)
	n := links.Add(1)
	l := &link{t: t, near: fmt.Sprint("near", n), far: fmt.Sprint("far", n)}
	if kind == relayed {
		// Before the peer, so that it is there until the peer has ended.
		l.relay = newRelay(t, w, [2]string{l.near, l.far})
	}
	l.peer = startPeer(t)
	there := fmt.Sprint(l.peer.pid)
	if kind == relayed {
		l.mustRun("ip", "link", "set", "dev", l.far, "netns", there)
	} else {
		l.mustRun("ip", "link", "add", "name", l.near, "type", "veth", "peer", "name", l.far, "netns", there)
	}
	l.host = fmt.Sprintf("10.77.%d.2", n)
	l.mustRun("ip", "addr", "add", fmt.Sprintf("10.77.%d.1/24", n), "dev", l.near)
	l.mustRun("ip", "link", "set", "dev", l.near, "up")
	l.peer.mustRun("ip", "addr", "add", l.host+"/24", "dev", l.far)
	l.peer.mustRun("ip", "link", "set", "dev", l.far, "up")
	if kind == netem {
		l.spoil(w)
	}
	return l
}

// linkKind is what a link is made of.
type linkKind string

const (
	veth    linkKind = "veth"
	netem   linkKind = "veth and netem"
	relayed linkKind = "relay"
)

// spoil gives both ends of a veth pair their weather.
func (l *link) spoil(w weather) {
	l.t.Helper()
	if _, err := exec.LookPath("tc"); err != nil {
		l.t.Skip("not run: there is no tc command (package iproute2)")
	}
	args := func(dev string) []string {
		return strings.Fields(fmt.Sprintf("tc qdisc add dev %s root netem delay %dus %dus loss %g%% reorder %g%%",
			dev, w.delay.Microseconds(), w.jitter.Microseconds(), 100*w.loss, 100*w.reorder))
	}
	if out, err := run(args(l.near)); err != nil {
		if strings.Contains(out, "qdisc kind is unknown") {
			l.t.Skip("not run: the kernel has no netem")
		}
		l.t.Fatalf("tc: %v\n%s", err, out)
	}
	l.peer.mustRun(args(l.far)...)
}

// down takes this end of the link down, up brings it back.
func (l *link) down() { l.mustRun("ip", "link", "set", "dev", l.near, "down") }
func (l *link) up()   { l.mustRun("ip", "link", "set", "dev", l.near, "up") }

// farDown and farUp do it to the peer's end.
func (l *link) farDown() { l.peer.mustRun("ip", "link", "set", "dev", l.far, "down") }
func (l *link) farUp()   { l.peer.mustRun("ip", "link", "set", "dev", l.far, "up") }

func (l *link) mustRun(args ...string) {
	l.t.Helper()
	out, err := run(args)
	require.NoError(l.t, err, "%s: %s", strings.Join(args, " "), out)
}

// run runs a program in the namespace of this process.
func run(args []string) (string, error) {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	return string(out), err
}
