// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

const (
	engineDir = "../../accelio"
	peerDir   = "testdata"
	peersEnv  = "ACCELIO_INTEROP_PEERS"

	// What the embedded engine says when it is asked for its version.
	ourVersion = "accelio_1.7-go"
)

// peerKind is one build of the peer program.
type peerKind struct {
	Name    string // "embedded" or "installed"
	Program string // empty: not built
	Found   string // how the library was found
	Version string
	Path    string
	Failure string // why it was not built although it should be
}

func (k peerKind) ours() bool { return k.Version == ourVersion }

func (k peerKind) String() string {
	if k.Program == "" {
		return "not run: no installed libxio"
	}
	whose := "another library than ours"
	if k.ours() {
		whose = "our engine"
	}
	return fmt.Sprintf("%s, %s (%s; found by %s)", k.Version, k.Path, whose, k.Found)
}

var peerTemp struct {
	sync.Mutex
	dir string
}

func removePeers() error {
	peerTemp.Lock()
	defer peerTemp.Unlock()
	if peerTemp.dir == "" {
		return nil
	}
	return os.RemoveAll(peerTemp.dir)
}

func peerTempDir() (string, error) {
	peerTemp.Lock()
	defer peerTemp.Unlock()
	dir, err := os.MkdirTemp("", "accelio-interop-")
	peerTemp.dir = dir
	return dir, err
}

// peerKinds builds the peers once, or takes those of the process that started
// this one.
var peerKinds = sync.OnceValues(func() ([]peerKind, error) {
	var kinds []peerKind
	if text := os.Getenv(peersEnv); text != "" {
		err := json.Unmarshal([]byte(text), &kinds)
		return kinds, err
	}
	dir, err := peerTempDir()
	if err != nil {
		return nil, err
	}
	return []peerKind{buildEmbedded(dir), buildInstalled(dir)}, nil
})

func describePeers(t *testing.T) string {
	kinds, err := peerKinds()
	require.NoError(t, err)
	text, err := json.Marshal(kinds)
	require.NoError(t, err)
	return string(text)
}

// forEachPeer runs a test with every build of the peer.
func forEachPeer(t *testing.T, f func(t *testing.T, k peerKind)) {
	t.Helper()
	kinds, err := peerKinds()
	require.NoError(t, err)
	for _, k := range kinds {
		t.Run("peer="+k.Name, func(t *testing.T) {
			if k.Failure != "" {
				t.Fatal(k.Failure)
			}
			if k.Program == "" {
				t.Skip("not run: no installed libxio")
			}
			f(t, k)
		})
	}
}

func TestWhoTalks(t *testing.T) {
	t.Log("Go side:", xio.Engine())
	forEachPeer(t, func(t *testing.T, k peerKind) {
		t.Log("C side:", k)
		require.Equal(t, k.Name == "embedded", k.Path == "linked in")
		if k.Name == "embedded" {
			require.Equal(t, ourVersion, k.Version)
		}
	})
}

func compiler() (string, error) {
	names := []string{"cc", "gcc", "clang"}
	for _, word := range strings.Fields(os.Getenv("CC")) {
		if !strings.HasPrefix(word, "-") {
			names = []string{word}
		}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no C compiler among %v", names)
}

func command(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// cFiles lists the C sources of a directory.
func cFiles(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.c"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no C sources in %s", dir)
	}
	return files, err
}

var peerFlags = []string{"-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g"}
var strictFlags = []string{"-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Werror"}

// buildEmbedded compiles the peer together with the engine's sources.
func buildEmbedded(dir string) peerKind {
	k := peerKind{Name: "embedded", Found: "its sources"}
	bin := filepath.Join(dir, "peer-embedded")
	cc, err := compiler()
	if err == nil {
		err = compileEmbedded(cc, dir, bin)
	}
	if err == nil {
		err = k.identify(bin)
	}
	if err != nil {
		k.Failure = err.Error()
	}
	return k
}

func compileEmbedded(cc, dir, bin string) error {
	engine, err := cFiles(engineDir)
	if err != nil {
		return err
	}
	own, err := cFiles(peerDir)
	if err != nil {
		return err
	}
	extra := strings.Fields(os.Getenv("ACCELIO_PEER_CFLAGS"))
	flags := slices.Concat(peerFlags, strictFlags, extra, []string{"-I" + engineDir})
	objects := make([]string, len(engine)+len(own))
	errs := make([]error, len(objects))
	var wg sync.WaitGroup
	room := make(chan struct{}, runtime.NumCPU())
	for i, src := range slices.Concat(engine, own) {
		objects[i] = filepath.Join(dir, fmt.Sprintf("%d-%s.o", i, filepath.Base(src)))
		wg.Go(func() {
			room <- struct{}{}
			_, errs[i] = command(cc, slices.Concat(flags, []string{"-c", src, "-o", objects[i]})...)
			<-room
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	_, err = command(cc, slices.Concat(extra, objects, []string{"-pthread", "-ldl", "-o", bin})...)
	return err
}

// place is somewhere an installed library may be.
type place struct {
	how    string
	cflags []string
	libs   []string
	must   bool // somebody said that it is there
}

func places() []place {
	var list []place
	if prefix := os.Getenv("ACCELIO_PREFIX"); prefix != "" {
		p := place{how: "ACCELIO_PREFIX", must: true, cflags: []string{"-isystem", filepath.Join(prefix, "include")}}
		for _, lib := range []string{"lib", "lib64"} {
			dir := filepath.Join(prefix, lib)
			p.libs = append(p.libs, "-L"+dir, "-Wl,-rpath,"+dir)
		}
		p.libs = append(p.libs, "-lxio")
		return []place{p}
	}
	if _, err := exec.LookPath("pkg-config"); err == nil {
		cflags, err1 := command("pkg-config", "--cflags", "libxio")
		libs, err2 := command("pkg-config", "--libs", "libxio")
		if err1 == nil && err2 == nil {
			list = append(list, place{how: "pkg-config", must: true,
				cflags: strings.Fields(cflags), libs: strings.Fields(libs)})
		}
	}
	return append(list, place{
		how:    "the linker's paths",
		cflags: strings.Fields(os.Getenv("CGO_CFLAGS")),
		libs:   append(strings.Fields(os.Getenv("CGO_LDFLAGS")), "-lxio"),
	})
}

// buildInstalled links the peer with an installed libxio, if there is one.
func buildInstalled(dir string) peerKind {
	k := peerKind{Name: "installed"}
	cc, err := compiler()
	if err != nil {
		k.Failure = err.Error()
		return k
	}
	own, err := cFiles(peerDir)
	if err != nil {
		k.Failure = err.Error()
		return k
	}
	bin := filepath.Join(dir, "peer-installed")
	for _, p := range places() {
		args := slices.Concat(peerFlags, p.cflags, own, p.libs, []string{"-pthread", "-ldl", "-o", bin})
		_, err := command(cc, args...)
		if err == nil {
			err = k.identify(bin)
		}
		if err == nil {
			k.Found = p.how
			return k
		}
		if p.must {
			k.Failure = fmt.Sprintf("libxio of %s cannot be used: %v", p.how, err)
			return k
		}
	}
	return k
}

// identify asks a built peer which library it runs on.
func (k *peerKind) identify(bin string) error {
	out, err := command(bin, "version")
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "version "); ok {
			k.Version = v
		} else if v, ok := strings.CutPrefix(line, "path "); ok {
			k.Path = v
		}
	}
	if k.Version == "" || k.Path == "" {
		return fmt.Errorf("%s version: %q", bin, out)
	}
	k.Program = bin
	return nil
}
