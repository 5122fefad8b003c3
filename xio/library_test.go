// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"flag"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio/cgo"
)

// suiteWith runs the suite once more, in a process whose library has an option on,
// without what is left out here. passed is a test that must have run there.
func suiteWith(t *testing.T, option, passed string) {
	t.Helper()
	if library != "" {
		t.Skip("this is such a process")
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(suiteContext(t), exe, "-test.short", "-test.v", "-test.timeout="+suiteTime().String(),
		"-test.skip="+flag.Lookup("test.skip").Value.String())
	cmd.Env = append(os.Environ(), libraryEnv+"="+option)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(out, 100000))
	}
	require.Contains(t, string(out), "--- PASS: "+passed)
}

func TestSingleStream(t *testing.T) { suiteWith(t, withSingleStream, "TestBytesInSmallPieces") }

func TestFlowControl(t *testing.T) { suiteWith(t, withFlowControl, "TestCallSizes") }

// Peers may send more segments; what this package sends stays the same.
func TestSegments(t *testing.T) {
	for _, bad := range []int{-1, MaxSegments - 1, 257} {
		require.ErrorIs(t, Init(LibraryOptions{Segments: bad}), ErrMsgInvalid)
	}
	suiteWith(t, withSegments, "TestCallSizes")
}

func TestReconnect(t *testing.T) {
	if !cgo.Kin() {
		t.Skip("not on an installed libxio: its server waits without end for clients that are gone")
	}
	suiteWith(t, withReconnect, "TestCallSizes")
}

// queueMessages is the default of LibraryOptions.QueueMessages.
const queueMessages = 1024

// With flow control the library's queue bounds what a peer holds, and says so;
// without it the connection's own depth does.
func TestQueueMessages(t *testing.T) {
	leakCheck(t)
	const count = queueMessages + 500
	g := newGate()
	c := dial(t, Dialer{QueueDepth: count}, listen(t, ListenConfig{}, g))
	results := make(chan error, count)
	for range count {
		require.NoError(t, c.TrySend(&Message{Data: []byte("x")}, func(r *Response, err error) {
			if err == nil {
				r.Release()
			}
			results <- err
		}))
	}
	refused := 0
	if library == withFlowControl {
		eventually(t, "some were refused", func() bool { return len(results) > 0 })
		require.ErrorIs(t, <-results, ErrTxQueueOverflow)
		refused++
	} else {
		eventually(t, "all are out", func() bool { return c.Stats().Sent == count })
	}
	close(g.open)
	for range count - refused {
		if err := <-results; err != nil {
			require.ErrorIs(t, err, ErrTxQueueOverflow)
			refused++
		}
	}
	if library == withFlowControl {
		require.Less(t, refused, count)
	} else {
		require.Zero(t, refused)
	}
	ask(t, c, "as before")
}
