// SPDX-License-Identifier: Apache-2.0

// Package scripts holds the test of the scripts beside it.
package scripts

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	script   = "./build-accelio.sh"
	patience = 5 * time.Minute
)

// shell runs a program in a folder with more environment, and returns what it
// printed.
func shell(t *testing.T, env []string, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	// The caller's own Accelio, if any, is none of these tests' business.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool {
		for _, v := range []string{"ACCELIO_PREFIX=", "PKG_CONFIG_PATH=", "CGO_CFLAGS=", "CGO_LDFLAGS=", "DESTDIR=", "CFLAGS=", "LDFLAGS="} {
			if strings.HasPrefix(s, v) {
				return true
			}
		}
		return false
	})
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	out, err := shell(t, env, program, args...)
	require.NoError(t, err, out)
	return out
}

func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
}

// install builds the library under a fresh prefix.
func install(t *testing.T) (prefix string) {
	t.Helper()
	prefix = filepath.Join(t.TempDir(), "accelio")
	out := must(t, nil, script, "--prefix", prefix)
	require.NotContains(t, out, "warning:")
	return prefix
}

func TestLibrary(t *testing.T) {
	prefix := install(t)

	t.Run("exports the public functions and nothing else", func(t *testing.T) {
		tool(t, "nm")
		header, err := os.ReadFile(filepath.Join(prefix, "include/libxio.h"))
		require.NoError(t, err)
		var got []string
		for line := range strings.Lines(must(t, nil, "nm", "-D", "--defined-only", filepath.Join(prefix, "lib/libxio.so.0"))) {
			f := strings.Fields(line)
			require.Len(t, f, 3, line)
			if f[1] == "A" {
				require.Equal(t, "XIO_1.0", f[2])
				continue
			}
			require.Equal(t, "T", f[1], line)
			name, ok := strings.CutSuffix(f[2], "@@XIO_1.0")
			require.True(t, ok, line)
			require.Regexp(t, `\b`+regexp.QuoteMeta(name)+`\(`, string(header))
			got = append(got, name)
		}
		require.Len(t, got, 57)
	})

	t.Run("has libxio's soname", func(t *testing.T) {
		tool(t, "readelf")
		require.Contains(t, must(t, nil, "readelf", "-d", filepath.Join(prefix, "lib/libxio.so")), "[libxio.so.0]")
	})

	t.Run("C program by pkg-config", func(t *testing.T) {
		tool(t, "pkg-config")
		env := []string{"PKG_CONFIG_PATH=" + filepath.Join(prefix, "lib/pkgconfig")}
		require.Equal(t, "1.7\n", must(t, env, "pkg-config", "--modversion", "libxio"))
		flags := strings.Fields(must(t, env, "pkg-config", "--cflags", "--libs", "libxio"))
		bin := filepath.Join(t.TempDir(), "shared")
		must(t, nil, "cc", append([]string{"-o", bin, "testdata/hello.c", "-Wl,-rpath," + prefix + "/lib"}, flags...)...)
		require.Equal(t, "accelio_1.7-go: hello, 1 request answered\n", must(t, nil, bin))
	})

	t.Run("C program with the static library", func(t *testing.T) {
		bin := filepath.Join(t.TempDir(), "static")
		must(t, nil, "cc", "-o", bin, "testdata/hello.c", "-I"+prefix+"/include", prefix+"/lib/libxio.a", "-pthread")
		require.Equal(t, "accelio_1.7-go: hello, 1 request answered\n", must(t, nil, bin))
	})

	// The line that --check prints is the one that is tried here.
	t.Run("Go program by -tags libxio", func(t *testing.T) {
		out := must(t, []string{"ACCELIO_PREFIX=" + prefix}, script, "--check")
		require.Contains(t, out, "found by: ACCELIO_PREFIX="+prefix+"\n")
		require.Contains(t, out, "library:  "+prefix+"/lib/libxio.so.0\n")
		require.Contains(t, out, "version:  accelio_1.7-go\nwhich is: the embedded engine of accelio-go, built as a library\n")
		m := regexp.MustCompile(`(?m)^CGO_CFLAGS="(.*)" CGO_LDFLAGS="(.*)" go build -tags libxio ./\.\.\.$`).FindStringSubmatch(out)
		require.NotNil(t, m, out)
		bin := filepath.Join(t.TempDir(), "xio_client")
		must(t, []string{"CGO_CFLAGS=" + m[1], "CGO_LDFLAGS=" + m[2]},
			"go", "build", "-tags", "libxio", "-o", bin, "../examples/xio_client")
		got := must(t, nil, bin, "-local", "-n", "5000", "-size", "20000")
		require.Contains(t, got, "engine:   libxio accelio_1.7-go ("+prefix+"/lib/libxio.so.0)\n")
		require.Contains(t, got, "5000 verified")
	})

	t.Run("check by pkg-config", func(t *testing.T) {
		tool(t, "pkg-config")
		out := must(t, []string{"PKG_CONFIG_PATH=" + filepath.Join(prefix, "lib/pkgconfig")}, script, "--check")
		require.Contains(t, out, "found by: pkg-config\n")
		require.Contains(t, out, "library:  "+prefix+"/lib/libxio.so.0\n")
	})
}

func TestDestdirAndFlags(t *testing.T) {
	dest := t.TempDir()
	out := must(t, []string{"DESTDIR=" + dest, "CFLAGS=-O0 -Werror", "CC=cc -Wshadow"},
		script, "--prefix=/opt/accelio", "--libdir=/opt/accelio/lib64")
	require.Contains(t, out, "compiling with: cc -Wshadow -O0 -Werror\n")
	for _, f := range []string{"lib64/libxio.so.0", "lib64/libxio.so", "lib64/libxio.a", "include/libxio.h"} {
		require.FileExists(t, filepath.Join(dest, "opt/accelio", f))
	}
	link, err := os.Readlink(filepath.Join(dest, "opt/accelio/lib64/libxio.so"))
	require.NoError(t, err)
	require.Equal(t, "libxio.so.0", link)
	pc, err := os.ReadFile(filepath.Join(dest, "opt/accelio/lib64/pkgconfig/libxio.pc"))
	require.NoError(t, err)
	require.Contains(t, string(pc), "prefix=/opt/accelio\nlibdir=/opt/accelio/lib64\n", "DESTDIR must not be in it")
}

func TestScriptFailures(t *testing.T) {
	for _, c := range []struct {
		name     string
		env      []string
		args     []string
		code     int
		contains string
	}{
		{"unknown argument", nil, []string{"--nosuch"}, 2, "unknown argument --nosuch"},
		{"no value", nil, []string{"--prefix"}, 2, "--prefix needs a folder"},
		{"relative prefix", nil, []string{"--prefix", "here"}, 2, "not an absolute path"},
		{"no compiler", []string{"CC=/nosuch/cc"}, []string{"--prefix", "/nosuch"}, 127, "/nosuch/cc"},
		{"nothing at ACCELIO_PREFIX", []string{"ACCELIO_PREFIX=/nosuch"}, []string{"--check"}, 1, "no usable libxio under ACCELIO_PREFIX=/nosuch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := shell(t, c.env, script, c.args...)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, out)
			require.Equal(t, c.code, exit.ExitCode(), out)
			require.Contains(t, out, c.contains)
		})
	}
	require.Contains(t, must(t, nil, script, "-h"), "Usage: build-accelio.sh")
}

func TestShellcheck(t *testing.T) {
	tool(t, "shellcheck")
	must(t, nil, "shellcheck", script, "../.ci/run")
}
