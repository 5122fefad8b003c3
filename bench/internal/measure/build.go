// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Flags are how a C program, and a Go program by way of cgo, links a libxio.
type Flags struct {
	Compile []string // CGO_CFLAGS
	Link    []string // CGO_LDFLAGS, without -lxio
}

// PrefixFlags links the libxio that is installed under prefix.
func PrefixFlags(prefix string) (Flags, error) {
	dirs, _ := filepath.Glob(filepath.Join(prefix, "lib", "*-linux-gnu*"))
	for _, dir := range append([]string{filepath.Join(prefix, "lib"), filepath.Join(prefix, "lib64")}, dirs...) {
		if _, err := os.Stat(filepath.Join(dir, "libxio.so")); err == nil {
			return Flags{
				Compile: []string{"-I" + filepath.Join(prefix, "include")},
				Link:    []string{"-L" + dir, "-Wl,-rpath," + dir},
			}, nil
		}
	}
	return Flags{}, fmt.Errorf("no libxio.so under %s", prefix)
}

// FindLibxio finds a libxio: under prefix, or if that is empty by pkg-config.
// It returns false when none is named and pkg-config knows none.
func FindLibxio(ctx context.Context, prefix string) (f Flags, found bool, err error) {
	switch {
	case prefix != "":
		f, err = PrefixFlags(prefix)
	case exec.CommandContext(ctx, "pkg-config", "--exists", "libxio").Run() == nil:
		f, err = pkgConfigFlags(ctx)
	default:
		return f, false, nil
	}
	return f, err == nil, err
}

func pkgConfigFlags(ctx context.Context) (Flags, error) {
	var words [3][]string
	for i, what := range []string{"--cflags", "--libs-only-L", "--variable=libdir"} {
		out, err := exec.CommandContext(ctx, "pkg-config", what, "libxio").Output()
		if err != nil {
			return Flags{}, err
		}
		words[i] = strings.Fields(string(out))
	}
	if len(words[2]) != 1 {
		return Flags{}, fmt.Errorf("pkg-config names no folder of libxio but %q", words[2])
	}
	return Flags{Compile: words[0], Link: append(words[1], "-Wl,-rpath,"+words[2][0])}, nil
}

// sources finds the folder of the C program, from anywhere in the module bench.
func sources() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/accelio/accelio-go/bench").Output()
	if err != nil {
		return "", fmt.Errorf("the folder of the module bench is not found: run it inside of it: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "csrc"), nil
}

// InstallEngine builds the embedded engine as a C library and installs it
// under prefix.
func InstallEngine(ctx context.Context, prefix string) error {
	src, err := sources()
	if err != nil {
		return err
	}
	return Run(exec.CommandContext(ctx, filepath.Join(src, "../../scripts/build-accelio.sh"), "--prefix", prefix))
}

// CompileC makes the C program, linked by f.
func CompileC(ctx context.Context, program string, f Flags) error {
	src, err := sources()
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(src, "*.c"))
	if err != nil {
		return err
	}
	cc := strings.Fields(os.Getenv("CC"))
	if len(cc) == 0 {
		cc = []string{"cc"}
	}
	args := slices.Concat(cc[1:], []string{"-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", program}, files, f.Compile, f.Link, []string{"-lxio", "-pthread"})
	return Run(exec.CommandContext(ctx, cc[0], args...))
}

// Run runs a program whose output matters only when it fails.
func Run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd.Path, err, out)
	}
	return nil
}
