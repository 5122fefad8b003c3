// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/xio"
)

// asProgram makes this test binary the program itself, for tests that need
// processes of their own, and for -spawn.
const asProgram = "XIOPERF_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	if err := os.Setenv(asProgram, "1"); err != nil {
		panic(err)
	}
	// As the program does it, in case a test starts the library by itself.
	if err := xio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait; it is for a slow machine, not for a normal run.
const patience = 2 * time.Minute

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// finished is what a run left.
type finished struct {
	code     int
	out, err string
}

// runHere runs the program in this process.
func runHere(t *testing.T, args ...string) finished {
	t.Helper()
	var out, errOut bytes.Buffer
	code := run(testContext(t), args, stdio{strings.NewReader(""), &out, &errOut})
	return finished{code, out.String(), errOut.String()}
}

// startProcess runs the program in a process of its own.
func startProcess(t *testing.T, args ...string) (cmd *exec.Cmd, wait func() finished) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd = exec.CommandContext(testContext(t), exe, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	require.NoError(t, cmd.Start())
	return cmd, func() finished {
		_ = cmd.Wait() // the code tells
		return finished{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
	}
}

func (f finished) ok(t *testing.T) finished {
	t.Helper()
	require.Zero(t, f.code, "%+v", f)
	require.Empty(t, f.err, "there is no terminal to show a bar on")
	return f
}

// oneLine says that a failure was reported as it should be.
func (f finished) oneLine(t *testing.T, code int, contains string) {
	t.Helper()
	require.Equal(t, code, f.code, "%+v", f)
	require.Equal(t, 1, strings.Count(f.err, "\n"), "not one line: %q", f.err)
	require.True(t, strings.HasPrefix(f.err, program+": "), f.err)
	require.Contains(t, f.err, contains)
}

// results parses the JSON output of a benchmark.
func (f finished) results(t *testing.T) []*result {
	t.Helper()
	var r report
	d := json.NewDecoder(strings.NewReader(f.out))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r), f.out)
	require.False(t, d.More(), "more than one value: %s", f.out)
	require.Equal(t, program, r.Program)
	return r.Results
}
