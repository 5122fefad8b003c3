// SPDX-License-Identifier: Apache-2.0

package scripts

import (
	"context"
	"debug/elf"
	"io/fs"
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
	loopback = "check/loopback.c"
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

// tool says that a program is needed; CI must have it.
func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		require.Empty(t, os.Getenv("CI"), "CI needs %s", name)
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

// exchanged is what the loopback program prints after it has told its library.
const exchanged = "version:  accelio_1.7-go\nexchange: one request and its response over TCP, closed cleanly\n"

// libraries names the shared libraries that a program asks for.
func libraries(t *testing.T, program string) []string {
	t.Helper()
	f, err := elf.Open(program)
	require.NoError(t, err)
	defer f.Close()
	names, err := f.ImportedLibraries()
	require.NoError(t, err)
	return names
}

func TestLibrary(t *testing.T) {
	prefix := install(t)

	t.Run("C program by pkg-config", func(t *testing.T) {
		tool(t, "pkg-config")
		env := []string{"PKG_CONFIG_PATH=" + filepath.Join(prefix, "lib/pkgconfig")}
		require.Equal(t, "1.7\n", must(t, env, "pkg-config", "--modversion", "libxio"))
		flags := strings.Fields(must(t, env, "pkg-config", "--cflags", "--libs", "libxio"))
		bin := filepath.Join(t.TempDir(), "shared")
		must(t, nil, "cc", append([]string{"-D_GNU_SOURCE", "-o", bin, loopback, "-Wl,-rpath," + prefix + "/lib"}, flags...)...)
		require.Equal(t, "library:  "+prefix+"/lib/libxio.so.0\n"+exchanged, must(t, nil, bin))
		require.Contains(t, libraries(t, bin), "libxio.so.0")
	})

	t.Run("C program with the static library", func(t *testing.T) {
		tool(t, "pkg-config")
		env := []string{"PKG_CONFIG_PATH=" + filepath.Join(prefix, "lib/pkgconfig")}
		flags := strings.Fields(must(t, env, "pkg-config", "--static", "--cflags", "--libs", "libxio"))
		bin := filepath.Join(t.TempDir(), "static")
		args := append([]string{"-D_GNU_SOURCE", "-o", bin, loopback, "-Wl,-Bstatic"}, flags...)
		must(t, nil, "cc", append(args, "-Wl,-Bdynamic")...)
		require.Equal(t, "library:  "+bin+"\n"+exchanged, must(t, nil, bin))
		require.NotContains(t, libraries(t, bin), "libxio.so.0")
	})

	// Each alone, all in any order, and within the extern "C" that C++
	// programs put around a header of C.
	// Each name alone, all in any order, and within the extern "C" that C++
	// programs put around a header of C.
	t.Run("header names", func(t *testing.T) {
		names := []string{"libxio.h", "xio_user.h", "xio_base.h", "xio_predefs.h", "xio_limits.h"}
		for i, name := range names {
			all := "#include <" + strings.Join(append(names[i:len(names):len(names)], names[:i]...), ">\n#include <") + ">\n"
			compiles(t, prefix, "cc", "-std=c11", "c", all)
			compiles(t, prefix, "cc", "-std=c11", "c", "#include \""+name+"\"\n")
		}
		tool(t, "c++")
		compiles(t, prefix, "c++", "-std=c++17", "c++", "extern \"C\" {\n#include <libxio.h>\n}\n")
	})

	// The line that --check prints is the one that is tried here.
	t.Run("Go program by -tags libxio", func(t *testing.T) {
		out := must(t, []string{"ACCELIO_PREFIX=" + prefix}, script, "--check")
		require.Contains(t, out, "found by: ACCELIO_PREFIX="+prefix+"\n")
		require.Contains(t, out, "library:  "+prefix+"/lib/libxio.so.0\n")
		require.Contains(t, out, exchanged+"which is: the embedded engine of accelio-go, built as a library\n")
		m := regexp.MustCompile(`(?m)^CGO_CFLAGS="(.*)" CGO_LDFLAGS="(.*)" go build -tags libxio ./\.\.\.$`).FindStringSubmatch(out)
		require.NotNil(t, m, out)
		bin := filepath.Join(t.TempDir(), "xio_client")
		must(t, []string{"CGO_CFLAGS=" + m[1], "CGO_LDFLAGS=" + m[2]},
			"go", "build", "-tags", "libxio", "-o", bin, "../examples/xio_client")
		got := must(t, nil, bin, "-local", "-n", "5000", "-size", "20000")
		require.Contains(t, got, "engine:   libxio accelio_1.7-go ("+prefix+"/lib/libxio.so.0)\n")
		require.Contains(t, got, "5000 verified")
	})

	t.Run("C program by the line of check", func(t *testing.T) {
		out := must(t, []string{"ACCELIO_PREFIX=" + prefix}, script, "--check")
		m := regexp.MustCompile(`(?m)^cc (.*) prog\.c (.*)$`).FindStringSubmatch(out)
		require.NotNil(t, m, out)
		bin := filepath.Join(t.TempDir(), "prog")
		args := append(strings.Fields(m[1]), "-D_GNU_SOURCE", "-o", bin, loopback)
		must(t, nil, "cc", append(args, strings.Fields(m[2])...)...)
		require.Equal(t, "library:  "+prefix+"/lib/libxio.so.0\n"+exchanged, must(t, nil, bin))
	})

	t.Run("check by pkg-config", func(t *testing.T) {
		tool(t, "pkg-config")
		out := must(t, []string{"PKG_CONFIG_PATH=" + filepath.Join(prefix, "lib/pkgconfig")}, script, "--check")
		require.Contains(t, out, "found by: pkg-config\n")
		require.Contains(t, out, "library:  "+prefix+"/lib/libxio.so.0\n")
	})

	// These variables add to what the compiler and the loader know anyway.
	t.Run("check by the linker's paths", func(t *testing.T) {
		out := must(t, []string{
			"PKG_CONFIG_LIBDIR=/nosuch", "CPATH=" + prefix + "/include",
			"LIBRARY_PATH=" + prefix + "/lib", "LD_LIBRARY_PATH=" + prefix + "/lib",
		}, script, "--check")
		require.Contains(t, out, "found by: the linker's own paths\n")
		require.Contains(t, out, "library:  "+prefix+"/lib/libxio.so.0\n"+exchanged)
		require.Contains(t, out, "\ncc prog.c -lxio\n")
	})
}

// compiles sees whether a program with these includes compiles against the
// installed headers, without a warning.
func compiles(t *testing.T, prefix, compiler, standard, language, includes string) {
	t.Helper()
	src := filepath.Join(t.TempDir(), "program")
	text := includes + "int main(void) { return xio_errno() == XIO_E_SUCCESS ? 0 : (int)sizeof(struct xio_msg); }\n"
	require.NoError(t, os.WriteFile(src, []byte(text), 0o600))
	must(t, nil, compiler, standard, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"+prefix+"/include", "-x", language, src)
}

// tree lists what there is below a folder, folders with a slash at the end.
func tree(t *testing.T, root string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name := strings.TrimPrefix(path, root+"/")
		if d.IsDir() {
			name += "/"
		}
		paths = append(paths, name)
		return nil
	}))
	return paths
}

// quick keeps the builds short that nobody runs.
var quick = []string{"CFLAGS=-O0"}

func TestUninstall(t *testing.T) {
	// The prefix holds something of somebody else from the beginning.
	prefix := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(prefix, "include"), 0o755))
	other := filepath.Join(prefix, "include", "other.h")
	require.NoError(t, os.WriteFile(other, nil, 0o600))
	before := tree(t, prefix)
	run := func(args ...string) string {
		return must(t, quick, script, append([]string{"--prefix", prefix}, args...)...)
	}

	t.Run("leaves what was there", func(t *testing.T) {
		run()
		require.Equal(t, []string{
			"include/", "include/libxio.h", "include/other.h", "include/xio_base.h",
			"include/xio_limits.h", "include/xio_predefs.h", "include/xio_user.h",
			"lib/", "lib/libxio.a", "lib/libxio.so", "lib/libxio.so.0", "lib/pkgconfig/", "lib/pkgconfig/libxio.pc",
			"share/", "share/accelio-go/", "share/accelio-go/manifest",
		}, tree(t, prefix))
		require.NotContains(t, run("--uninstall"), "kept")
		require.Equal(t, before, tree(t, prefix))
	})

	t.Run("a second time there is nothing", func(t *testing.T) {
		out, err := shell(t, nil, script, "--prefix", prefix, "--uninstall")
		require.Error(t, err)
		require.Contains(t, out, "nothing to uninstall")
		require.Equal(t, before, tree(t, prefix))
	})

	t.Run("an installation replaces the earlier one", func(t *testing.T) {
		run("--libdir", prefix+"/lib64")
		run()
		require.NotContains(t, tree(t, prefix), "lib64/")
		require.NotContains(t, run("--uninstall"), "kept")
		require.Equal(t, before, tree(t, prefix))
	})

	t.Run("keeps files that are not its own any more", func(t *testing.T) {
		run()
		changed := filepath.Join(prefix, "include", "xio_user.h")
		require.NoError(t, os.WriteFile(changed, []byte("/* mine */\n"), 0o600))
		link := filepath.Join(prefix, "lib", "libxio.so")
		require.NoError(t, os.Remove(link))
		require.NoError(t, os.Symlink("libxio.so.1", link))
		require.NoError(t, os.Remove(filepath.Join(prefix, "lib", "libxio.a")))
		out := run("--uninstall")
		require.Contains(t, out, "kept: "+changed+" is not what was installed")
		require.Contains(t, out, "kept: "+link+" is not what was installed")
		require.Equal(t, []string{"include/", "include/other.h", "include/xio_user.h", "lib/", "lib/libxio.so"}, tree(t, prefix))
		require.NoError(t, os.Remove(changed))
		require.NoError(t, os.RemoveAll(filepath.Join(prefix, "lib")))
	})

	t.Run("an installation spares files of others", func(t *testing.T) {
		foreign := filepath.Join(prefix, "include", "libxio.h")
		require.NoError(t, os.WriteFile(foreign, nil, 0o600))
		there := tree(t, prefix)
		out, err := shell(t, quick, script, "--prefix", prefix)
		require.Error(t, err)
		require.Contains(t, out, foreign+" is there and not from this script")
		require.Equal(t, there, tree(t, prefix))
	})
}

func TestDestdirAndFlags(t *testing.T) {
	// The folder itself need not be there.
	dest := filepath.Join(t.TempDir(), "dest")
	env := []string{"DESTDIR=" + dest, "CFLAGS=-O0 -Werror", "CC=cc -Wshadow"}
	out := must(t, env, script, "--prefix=/opt/accelio", "--libdir=/opt/accelio/lib64")
	require.Contains(t, out, "compiling with: cc -Wshadow -O0 -Werror\n")
	for _, f := range []string{"lib64/libxio.so.0", "lib64/libxio.so", "lib64/libxio.a", "include/libxio.h"} {
		require.FileExists(t, filepath.Join(dest, "opt/accelio", f))
	}
	link, err := os.Readlink(filepath.Join(dest, "opt/accelio/lib64/libxio.so"))
	require.NoError(t, err)
	require.Equal(t, "libxio.so.0", link)
	for f, contains := range map[string]string{
		"lib64/pkgconfig/libxio.pc": "prefix=/opt/accelio\nlibdir=/opt/accelio/lib64\n",
		"share/accelio-go/manifest": "link libxio.so.0 /opt/accelio/lib64/libxio.so\n",
	} {
		text, err := os.ReadFile(filepath.Join(dest, "opt/accelio", f))
		require.NoError(t, err)
		require.Contains(t, string(text), contains)
		require.NotContains(t, string(text), dest)
	}
	// The package may be moved to its place, or to another.
	moved := dest + "-moved"
	require.NoError(t, os.Rename(dest, moved))
	must(t, []string{"DESTDIR=" + moved}, script, "--uninstall", "--prefix=/opt/accelio")
	require.Empty(t, tree(t, moved))
}

// A library that links and tells its version, but does not work.
func TestCheckOfBrokenLibrary(t *testing.T) {
	prefix := t.TempDir()
	src := filepath.Join(prefix, "broken.c")
	header, err := filepath.Abs("../accelio")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(header, filepath.Join(prefix, "include")))
	require.NoError(t, os.Mkdir(filepath.Join(prefix, "lib"), 0o755))
	env := []string{"ACCELIO_PREFIX=" + prefix}
	for _, c := range []struct{ name, context, contains string }{
		{"refuses", "return 0;", "context: out of order\n"},
		{"dies", "__builtin_trap();", "a request and its response do not get through it\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(src, []byte(broken(t)+"void *xio_context_create() { "+c.context+" }\n"), 0o600))
			must(t, nil, "cc", "-w", "-shared", "-fPIC", "-o", filepath.Join(prefix, "lib/libxio.so"), src)
			out, err := shell(t, env, script, "--check")
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, out)
			require.Equal(t, 1, exit.ExitCode(), out)
			require.Contains(t, out, "version:  broken\n")
			require.Contains(t, out, c.contains)
			require.NotContains(t, out, "to build")
		})
	}
}

// broken is a libxio whose functions do nothing, but for the few that a
// program needs to say so; the context's is left out.
func broken(t *testing.T) string {
	t.Helper()
	header, err := os.ReadFile("../accelio/libxio.h")
	require.NoError(t, err)
	text := "const char *xio_version() { return \"broken\"; }\nconst char *xio_strerror() { return \"out of order\"; }\n"
	for _, m := range regexp.MustCompile(`(?m)^(?:int|void) (xio_\w+)\(|^struct xio_\w+ \*(xio_\w+)\(`).FindAllStringSubmatch(string(header), -1) {
		if name := m[1] + m[2]; name != "xio_context_create" {
			text += "void *" + name + "() { return 0; }\n"
		}
	}
	return text
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
		{"blank in a path", nil, []string{"--prefix", "/a b"}, 2, "has a blank in it"},
		{"parent in a path", nil, []string{"--libdir", "/nosuch/../.."}, 2, "has .. in it"},
		{"nothing to uninstall", nil, []string{"--prefix", "/nosuch", "--uninstall"}, 1, "there is no /nosuch/share/accelio-go/manifest"},
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
	for _, help := range []string{"-h", "--help"} {
		require.Contains(t, must(t, nil, script, help), "Usage: build-accelio.sh")
	}
}

func TestShellcheck(t *testing.T) {
	tool(t, "shellcheck")
	must(t, nil, "shellcheck", script)
}
