// SPDX-License-Identifier: Apache-2.0

package netns

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

// What a test asks of its peer, and what it gets back: a line of JSON each.
type (
	order struct {
		Run    []string // a program in the peer's namespace
		Listen string   // a URI
		Report bool
		Answer bool // the requests that are held
	}
	report struct {
		Error string
		URI   string
		// Seen says how often each request and one-way came, by number.
		Seen map[uint64]int
		Held int // requests that wait for an Answer
		// Ended are the connections that have ended, and why.
		Ended []ending
	}
	ending struct {
		After time.Duration // since the last message came
		Text  string
		Dead  bool // keepalive said so
	}
)

// ---- the test's side ----

// peer is another process in another network namespace.
type peer struct {
	t   *testing.T
	pid int
	in  *json.Encoder
	out *bufio.Reader
	mu  sync.Mutex
}

func startPeer(t *testing.T) *peer {
	t.Helper()
	var stdin io.WriteCloser
	var stdout io.ReadCloser
	cmd, err := startInNamespace(func(cmd *exec.Cmd) {
		cmd.Env = append(os.Environ(), roleEnv+"="+rolePeer)
		cmd.Stderr = os.Stderr
		var err error
		stdin, err = cmd.StdinPipe()
		require.NoError(t, err)
		stdout, err = cmd.StdoutPipe()
		require.NoError(t, err)
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		stdin.Close()
		require.NoError(t, cmd.Wait(), "the peer ends without leaving anything behind")
	})
	return &peer{t: t, pid: cmd.Process.Pid, in: json.NewEncoder(stdin), out: bufio.NewReader(stdout)}
}

func (p *peer) ask(o order) report {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.NoError(p.t, p.in.Encode(o))
	line, err := p.out.ReadBytes('\n')
	require.NoError(p.t, err, "the peer is gone")
	var r report
	require.NoError(p.t, json.Unmarshal(line, &r), "%s", line)
	require.Empty(p.t, r.Error)
	return r
}

func (p *peer) mustRun(args ...string) {
	p.t.Helper()
	p.ask(order{Run: args})
}

// ---- the peer's side ----

// Kinds of requests, the first byte of their header; a number follows.
const (
	kindEcho = 'e' // answered with its data
	kindBack = 'b' // answered when a request to the client was
	kindHold = 'h' // answered when the test says so
)

func header(kind byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, id)
}

func parseHeader(h []byte) (kind byte, id uint64) {
	if len(h) != 9 {
		return 0, 0
	}
	return h[0], binary.BigEndian.Uint64(h[1:])
}

// served is a server and what it has seen.
type served struct {
	srv  *xio.Server
	mu   sync.Mutex
	seen map[uint64]int
	held []*xio.Request
	last time.Time
	end  []ending
}

// servePeer does what it is asked to until its input ends.
func servePeer(in io.Reader, out io.Writer) error {
	s := &served{seen: map[uint64]int{}}
	lines, answer := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if err := lines.Decode(&o); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		if err := answer.Encode(s.obey(o)); err != nil {
			return err
		}
	}
	s.answerHeld()
	if s.srv != nil {
		if err := s.srv.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (s *served) obey(o order) (r report) {
	switch {
	case len(o.Run) > 0:
		if out, err := run(o.Run); err != nil {
			r.Error = fmt.Sprintf("%v: %v: %s", o.Run, err, out)
		}
	case o.Listen != "":
		var err error
		if s.srv, err = s.listen(o.Listen); err != nil {
			r.Error = err.Error()
			break
		}
		r.URI = s.srv.URI()
	case o.Answer:
		s.answerHeld()
	case o.Report:
		s.mu.Lock()
		defer s.mu.Unlock()
		r.Seen, r.Held, r.Ended = maps.Clone(s.seen), len(s.held), slices.Clone(s.end)
	}
	return r
}

func (s *served) listen(uri string) (*xio.Server, error) {
	cfg := xio.ListenConfig{
		OnMsg:        func(m *xio.OneWay) { s.note(m.Header()) },
		OnDisconnect: s.ended,
	}
	return cfg.Listen(uri, xio.HandlerFunc(s.serve))
}

func (s *served) note(h []byte) byte {
	kind, id := parseHeader(h)
	s.mu.Lock()
	s.seen[id]++
	s.last = time.Now()
	s.mu.Unlock()
	return kind
}

func (s *served) serve(r *xio.Request) {
	switch s.note(r.Header()) {
	case kindBack:
		rsp, err := r.Conn().Call(r.Context(), &xio.Message{Header: r.Header(), Data: r.Data()})
		if err != nil {
			r.ReplyError(xio.CodeOf(err), err.Error())
			return
		}
		defer rsp.Release()
		r.Reply(&xio.Message{Data: rsp.Data()})
	case kindHold:
		r.Detach()
		s.mu.Lock()
		s.held = append(s.held, r)
		s.mu.Unlock()
	default:
		r.Reply(&xio.Message{Header: r.Header(), Data: r.Data()})
	}
}

func (s *served) answerHeld() {
	s.mu.Lock()
	held := s.held
	s.held = nil
	s.mu.Unlock()
	for _, r := range held {
		r.Reply(&xio.Message{Header: r.Header(), Data: r.Data()})
	}
}

func (s *served) ended(_ *xio.Connection, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := ending{After: time.Since(s.last), Dead: errors.Is(err, xio.ErrTimeout)}
	if err != nil {
		e.Text = err.Error()
	}
	s.end = append(s.end, e)
}
