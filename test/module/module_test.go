// SPDX-License-Identifier: Apache-2.0

package module

import (
	"archive/zip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	root    = "../.."
	name    = "github.com/accelio/accelio-go"
	version = "v0.0.1-test"
)

// modules of others that a program with xio and pool needs.
var needed = []string{"github.com/mattn/go-pointer", "golang.org/x/sys"}

// user is a module outside of the repository, with Go's files all its own.
type user struct {
	t   *testing.T
	dir string
	env []string
}

// newUser makes a module in a fresh folder. Its module cache is empty; this module
// comes from a proxy made of the tree, others from what was downloaded to build the
// tests, or else from where Go gets modules here.
func newUser(t *testing.T) *user {
	t.Helper()
	for _, s := range buildSettings() {
		if s.Key == "-race" || s.Key == "-asan" || s.Key == "-tags" && strings.Contains(s.Value, "libxio") {
			t.Skipf("not run: this builds programs of its own, without %s", s.Key)
		}
	}
	u := &user{t: t, dir: t.TempDir(), env: os.Environ()}
	downloaded := filepath.Join(strings.TrimSpace(u.run("go", "env", "GOMODCACHE")), "cache", "download")
	elsewhere := strings.TrimSpace(u.run("go", "env", "GOPROXY"))
	u.env = append(u.env,
		"GOPROXY=file://"+proxy(t)+",file://"+downloaded+","+elsewhere,
		"GOMODCACHE="+t.TempDir(), "GOFLAGS=-modcacherw -trimpath", "GOWORK=off", "GONOSUMDB="+name)
	u.run("go", "mod", "init", "example.com/user")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	program := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindSubmatch(readme)
	require.NotNil(t, program, "the README has no program")
	require.NoError(t, os.WriteFile(filepath.Join(u.dir, "main.go"), program[1], 0o600))
	return u
}

func buildSettings() []debug.BuildSetting {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	return info.Settings
}

// run runs a command in the module, and returns what it printed.
func (u *user) run(command string, args ...string) string {
	u.t.Helper()
	cmd := exec.Command(command, args...)
	cmd.Dir, cmd.Env = u.dir, u.env
	out, err := cmd.CombinedOutput()
	require.NoError(u.t, err, "%s %s: %s", command, strings.Join(args, " "), out)
	return string(out)
}

// proxy is a folder that go takes for a module proxy, with this tree in it.
func proxy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	at := filepath.Join(dir, filepath.FromSlash(name), "@v")
	require.NoError(t, os.MkdirAll(at, 0o700))
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(at, version+".mod"), mod, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(at, version+".info"), []byte(`{"Version":"`+version+`"}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(at, "list"), []byte(version+"\n"), 0o600))
	f, err := os.Create(filepath.Join(at, version+".zip"))
	require.NoError(t, err)
	z := zip.NewWriter(f)
	for _, path := range moduleFiles(t) {
		w, err := z.Create(name + "@" + version + "/" + path)
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		_, err = w.Write(b)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	return dir
}

// moduleFiles are the files that belong to the module: modules below it do not.
func moduleFiles(t *testing.T) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			if d.Type().IsRegular() {
				found = append(found, path)
			}
		case path == ".":
		case d.Name() == ".git" || d.Name() == "vendor":
			return fs.SkipDir
		default:
			if _, err := os.Stat(filepath.Join(root, path, "go.mod")); err == nil {
				return fs.SkipDir
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, found, "xio/doc.go")
	return found
}

// A stranger gets the module into an empty cache and runs the README's program; then
// the same from a vendor folder, without any cache or network.
func TestFreshModule(t *testing.T) {
	u := newUser(t)
	u.run("go", "get", name+"/xio@"+version)
	require.Equal(t, "echo: hello\n", u.run("go", "run", "."))

	var others []string
	for _, m := range strings.Fields(u.run("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")) {
		if !slices.Contains(append(others, name, "example.com/user"), m) {
			others = append(others, m)
		}
	}
	slices.Sort(others)
	assert.Equal(t, needed, others, "modules that xio brings along")

	u.run("go", "mod", "tidy")
	u.run("go", "mod", "vendor")
	for _, pattern := range []string{"accelio/*.c", "accelio/*.h", "xio/cgo/*.c", "xio/cgo/*.h"} {
		have, err := filepath.Glob(filepath.Join(u.dir, "vendor", name, pattern))
		require.NoError(t, err)
		want, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		assert.Len(t, have, len(want), pattern)
	}
	u.env = append(u.env, "GOMODCACHE="+t.TempDir(), "GOPROXY=off", "GOFLAGS=-mod=vendor -trimpath")
	require.Equal(t, "echo: hello\n", u.run("go", "run", "."))
}
