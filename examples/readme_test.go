// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/examples/internal/built"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// The program in the README runs as it is printed.
func TestREADMEProgram(t *testing.T) {
	m := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindStringSubmatch(read(t, "../README.md"))
	require.NotNil(t, m, "the README has no program")
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	require.NoError(t, os.WriteFile(source, []byte(m[1]), 0o600))
	program := filepath.Join(dir, "program")
	args := append([]string{"build", "-o", program}, built.Flags()...)
	out, err := exec.Command("go", append(args, source)...).CombinedOutput()
	require.NoError(t, err, string(out))
	out, err = exec.Command(program).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "echo: hello\n", string(out))

	out, err = exec.Command("gofmt", "-l", source).CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(out), "the README's program is not formatted")
}
