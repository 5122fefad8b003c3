// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Conversations over several transport connections, and those that the engine
// ends in another way than libxio.

func newSessionAt(port string) string {
	return "new session uri=tcp://127.0.0.1:" + port + " priv="
}

// ofConn are events of the n-th connection.
func ofConn(n int, lines ...string) []string {
	out := slices.Clone(lines)
	for i := range out {
		out[i] = strconv.Itoa(n) + " " + out[i]
	}
	return out
}

// decided are the events of a server's connection that only brought the
// decision, up to the end of it, which others may overtake.
var decided = []string{newConn, "connection closed [Success]", "connection teardown [Session closed]"}

var linkScenarios = []scenario{
	{
		name:   "accept-with-portals",
		client: []string{"-n", "2", "-h", "8", "-d", "8"},
		server: []string{"-P", "2", "-C", "2", "-p", "srv-priv", "-H", "4", "-D", "8"},
		clientEvents: slices.Concat([]string{established + "srv-priv", connected},
			repeat(2, "received response hdr=4x68 data=8x61"), closedByUs),
		serverEvents: slices.Concat([]string{newSession}, ofConn(1, decided...),
			ofConn(2, newConn), ofConn(2, repeat(2, "received request hdr=8x48 data=8x41")...),
			ofConn(2, closedByPeer[:2]...), closedByPeer[2:]),
	},
	{
		name:   "accept-with-portals-single",
		client: []string{"-1", "-n", "1", "-h", "8", "-d", "8", "-p", "cl"},
		server: []string{"-P", "1", "-C", "2", "-p", "srv-priv", "-H", "4", "-D", "8"},
		clientEvents: slices.Concat([]string{established + "srv-priv", connected,
			"received response hdr=4x68 data=8x61"}, closedByUs),
		serverEvents: slices.Concat([]string{newSession + "cl"}, ofConn(1, decided...),
			ofConn(2, newConn, "received request hdr=8x48 data=8x41"),
			ofConn(2, closedByPeer[:2]...), closedByPeer[2:]),
	},
	{
		name:         "redirect",
		client:       []string{"-n", "1", "-h", "8", "-d", "8", "-p", "client-priv"},
		server:       []string{"-T", "-P", "1", "-C", "2", "-S", "2", "-H", "4", "-D", "8"},
		clientEvents: slices.Concat(opened("received response hdr=4x68 data=8x61"), closedByUs),
		// The target is a second server of the process.
		serverEvents: slices.Concat([]string{newSession + "client-priv"}, ofConn(1, decided[:2]...),
			[]string{newSessionAt("20611") + "client-priv"},
			ofConn(2, newConn, "received request hdr=8x48 data=8x41"),
			ofConn(1, decided[2]), closedByUs[2:],
			ofConn(2, closedByPeer[:2]...), closedByPeer[2:]),
		swapFin: true,
		oldLink: true,
	},
	{
		name:   "two-connections-hello",
		client: []string{"-C", "2", "-n", "1", "-t", "abc"},
		server: []string{"-C", "2", "-D", "4"},
		clientEvents: slices.Concat([]string{established},
			ofConn(1, connected, "received response hdr=0 data=4x61", closedByUs[0]),
			ofConn(2, connected, "received response hdr=0 data=4x61", closedByUs[0]),
			ofConn(2, closedByUs[1]), ofConn(1, closedByUs[1]), closedByUs[2:]),
		serverEvents: slices.Concat([]string{newSessionAt("20620")},
			ofConn(1, newConn, "received request hdr=abc data=0", closedByPeer[0]),
			ofConn(2, newConn, "received request hdr=abc data=0", closedByPeer[0]),
			ofConn(2, closedByPeer[1]), ofConn(1, closedByPeer[1]), closedByPeer[2:]),
	},
	{
		// libxio's server drops the transport at the CANCEL_REQ. Ours
		// ignores it, answers, and the connection closes as usual.
		name:         "cancel",
		server:       []string{"-l", "-H", "4", "-D", "8"},
		serverEvents: slices.Concat(accepted("received request hdr=4x48 data=8x41"), closedByPeer),
		then:         "graceful-close-by-client",
		noClient:     "the engine must send no CANCEL_REQ to libxio, whose server drops the transport then",
	},
}

// today is a URI of the capture with the port that serves now.
func (p *player) today(uri string) string {
	head, port := splitPort(uri)
	if now, ok := p.ports[port]; ok {
		return head + now
	}
	return uri
}

// recorded is the reverse of today.
func (p *player) recorded(uri string) string {
	head, port := splitPort(uri)
	for then, now := range p.ports {
		if now == port {
			return head + then
		}
	}
	return uri
}

// await waits for the n-th event of this kind.
func (p *player) await(kind string, n int) {
	p.t.Helper()
	for {
		got := 0
		for _, line := range p.engine.seen {
			if strings.HasPrefix(line, kind) {
				got++
			}
		}
		if got >= n {
			return
		}
		p.engine.next()
	}
}

// byConnection sorts events by the number in front: those of connections on
// several links have no order between them. Without numbers it is one list.
func byConnection(lines []string) map[string][]string {
	m := make(map[string][]string)
	for _, line := range lines {
		n, _, _ := strings.Cut(line, " ")
		if _, err := strconv.Atoi(n); err != nil {
			n = ""
		}
		m[n] = append(m[n], line)
	}
	return m
}

// keepSession names the session of the link in the last frame on a link that
// a redirect left. libxio names the session that came after it.
func (p *player) keepSession(steps []step) {
	p.t.Helper()
	i := slices.IndexFunc(steps, func(s step) bool { return s.typ() == finRsp && s.toServer && s.link == 0 })
	j := slices.IndexFunc(steps, func(s step) bool { return s.typ() == finReq && s.toServer && s.link == 0 })
	if i < 0 || j < 0 || be.Uint32(steps[i].ctl[offDst:]) == be.Uint32(steps[j].ctl[offDst:]) {
		p.failf("the capture has no closing frame of another session")
	}
	steps[i].frame = steps[i].clone()
	copy(steps[i].ctl[offDst:], steps[j].ctl[offDst:][:4])
}

// goOn continues a conversation that libxio gave up behind a request as
// another capture does.
func (p *player) goOn(steps []step) []step {
	p.t.Helper()
	rest := readCapture(p.t, filepath.Join(goldenDir, p.sc.then+".txt")).steps
	i := slices.IndexFunc(rest, func(s step) bool { return s.typ() == msgReq })
	more := 0 // frames that the client sent more than in the other capture
	for _, s := range steps {
		if s.toServer {
			more++
		}
	}
	for _, s := range rest[:i+1] {
		if s.toServer {
			more--
		}
	}
	for _, s := range rest[i+1:] {
		if s.toServer {
			s.frame = s.clone()
			be.PutUint16(s.ctl[offTSN:], be.Uint16(s.ctl[offTSN:])+uint16(more))
		}
		steps = append(steps, s)
	}
	return steps
}
