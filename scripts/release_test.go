// SPDX-License-Identifier: Apache-2.0

package scripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// repository is a small module under git, with the script in it.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) *repository {
	for _, name := range []string{"git", "go", "bash"} {
		tool(t, name)
	}
	r := &repository{t, t.TempDir()}
	r.git("init", "--quiet")
	script, err := os.ReadFile("check-release.sh")
	require.NoError(t, err)
	r.write("scripts/check-release.sh", string(script))
	r.write("go.mod", "module example.com/m\n\ngo 1.26.0\n")
	return r
}

func (r *repository) write(name, content string) {
	path := filepath.Join(r.dir, name)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(r.t, os.WriteFile(path, []byte(content), 0o700))
}

func (r *repository) git(args ...string) {
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	require.NoError(r.t, err, string(out))
}

// commit makes a commit with this version and this function in the package.
func (r *repository) commit(version, function string) {
	r.write("xio/version.go", "package xio\n\nconst Version = \""+version+"\"\n\n"+function+"\n")
	r.git("add", ".")
	r.git("commit", "--quiet", "--allow-empty", "-m", version)
}

func (r *repository) check() (int, string) {
	cmd := exec.Command(filepath.Join(r.dir, "scripts/check-release.sh"))
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func (r *repository) expect(code int, text string) {
	r.t.Helper()
	got, out := r.check()
	if strings.Contains(out, "proxy") && strings.Contains(out, "dial tcp") {
		require.Empty(r.t, os.Getenv("CI"), "CI needs a module proxy: %s", out)
		r.t.Skip("not run: no module proxy: ", out)
	}
	require.Equal(r.t, code, got, out)
	require.Contains(r.t, out, text)
}

func TestRelease(t *testing.T) {
	r := newRepository(t)
	r.commit("0.1.0-dev", "func F() {}")
	r.expect(77, "no release to compare")
	r.commit("0.1.0", "func F() {}")
	r.expect(77, "to be tagged v0.1.0")
	r.git("tag", "v0.1.0")
	r.commit("0.1.0", "func F() {}")
	r.expect(1, "v0.1.0 is released")

	r.commit("0.1.1-dev", "func F() {}\n\nfunc G() {}")
	r.expect(0, "compatible with v0.1.0")
	r.commit("0.1.1-dev", "func F(int) {}")
	r.expect(1, "1 incompatible changes since v0.1.0, which 0.1.1-dev does not permit")
	r.commit("0.2.0-dev", "func F(int) {}")
	r.expect(0, "1 incompatible changes since v0.1.0, as 0.2.0-dev permits")
	r.commit("0.2.0", "func F(int) {}")
	r.git("tag", "v0.2.1")
	r.expect(1, "the tag here is v0.2.1")
	r.commit("0.0.9-dev", "func F() {}")
	r.expect(1, "the version is before v0.2.1")
}
