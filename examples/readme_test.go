// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
	args := append([]string{"build", "-o", program}, buildFlags...)
	out, err := exec.Command("go", append(args, source)...).CombinedOutput()
	require.NoError(t, err, string(out))
	out, err = exec.Command(program).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "echo: hello\n", string(out))

	out, err = exec.Command("gofmt", "-l", source).CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(out), "the README's program is not formatted")
}

// CI runs the README's two commands and no others of their kind.
func TestREADMECommands(t *testing.T) {
	readme, ci := read(t, "../README.md"), read(t, "../.ci/run")
	for _, name := range []string{"MAIN_COMMAND", "TEST_COMMAND"} {
		m := regexp.MustCompile(`(?m)^` + name + `='(.*)'$`).FindStringSubmatch(ci)
		require.NotNil(t, m, "%s is not in .ci/run", name)
		require.Contains(t, readme, "```sh\n"+m[1]+"\n```", name)
	}
}

// Every test that the README's table names exists.
func TestREADMETable(t *testing.T) {
	commands := regexp.MustCompile("`go test -run '?([^' `]+)'? \\./(\\w+)`").FindAllStringSubmatch(read(t, "../README.md"), -1)
	require.NotEmpty(t, commands)
	for _, c := range commands {
		files, err := filepath.Glob("../" + c[2] + "/*_test.go")
		require.NoError(t, err)
		var source strings.Builder
		for _, f := range files {
			source.WriteString(read(t, f))
		}
		for part := range strings.SplitSeq(strings.ReplaceAll(c[1], `\|`, "|"), "|") {
			require.Regexp(t, `(?m)^func Test\w*`+part, source.String(), c[0])
		}
	}
}

// Links to files of the repository lead somewhere.
func TestLinks(t *testing.T) {
	for _, page := range []string{"../README.md", "../docs/differences.md", "../docs/coming-from.md"} {
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(read(t, page), -1) {
			require.FileExists(t, filepath.Join(filepath.Dir(page), m[1]))
		}
	}
}
