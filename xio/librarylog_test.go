package xio

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio/cgo"
)

func TestLogLine(t *testing.T) {
	var out bytes.Buffer
	l := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: slog.LevelDebug - 8,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	for line, want := range map[string]string{
		"1\t0\ta/b/tcp.c\t12\tgone wrong\n": "level=ERROR msg=\"gone wrong\" source=tcp.c:12\n",
		"2\t0\tx.c\t1\twith\ttabs":          "level=WARN msg=\"with\\ttabs\" source=x.c:1\n",
		"0\t0\tx.c\t1\tfatal":               "level=ERROR+4 msg=fatal source=x.c:1\n",
		"5\t0\tx.c\t1\ttrace":               "level=DEBUG-4 msg=trace source=x.c:1\n",
		"9\t0\tx.c\t1\todd":                 "level=ERROR msg=odd source=x.c:1\n",
		"3\t7\tx.c\t1\tinfo":                "level=WARN msg=\"xio: lines of the library's log are lost\" lines=7\nlevel=INFO msg=info source=x.c:1\n",
		"nonsense":                          "",
	} {
		out.Reset()
		logLine(l, line)
		assert.Equal(t, want, out.String(), line)
	}
}

// recorder is a Handler that keeps what it gets.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *recorder) WithGroup(string) slog.Handler            { return r }
func (r *recorder) Handle(_ context.Context, e slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, e.Level.String()+" "+e.Message)
	return nil
}

var logged recorder

const logChild = "XIO_TEST_LOGGER"

// The Logger is the process's, so this is a process of its own.
func TestLibraryLogger(t *testing.T) {
	if os.Getenv(logChild) == "" {
		exe, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.CommandContext(suiteContext(t), exe, "-test.run=^TestLibraryLogger$", "-test.v")
		cmd.Env = append(os.Environ(), logChild+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: TestLibraryLogger")
		return
	}
	s, c := pair(t, nil)
	if !overRDMA() { // there the connection is enough to talk about
		bad, err := net.Dial("tcp", s.Addr().String())
		require.NoError(t, err)
		_, _ = bad.Write(pattern(100000, 9)) // the server hangs up in the middle
		bad.Close()
	}
	eventually(t, "the library's complaint", func() bool {
		logged.mu.Lock()
		defer logged.mu.Unlock()
		if !cgo.Kin() { // whose words are its own
			return len(logged.lines) > 0
		}
		for _, l := range logged.lines {
			if strings.HasPrefix(l, "ERROR peer 127.0.0.1:") {
				return true
			}
		}
		return false
	})
	ask(t, c, "x")
}
