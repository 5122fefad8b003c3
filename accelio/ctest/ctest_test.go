// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	engineDir = ".."
	cDir      = "testdata"
	goldenDir = "../testdata/golden"

	buildTimeout = 3 * time.Minute
	runTimeout   = 2 * time.Minute
)

// Flags that the engine's sources must survive without a warning.
var strictFlags = []string{
	"-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1",
	"-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Werror",
	"-I" + engineDir, "-I" + cDir,
}

// The rooms without I/O and without state of others.
var (
	wireRooms = []string{"frame.c", "payload.c"}
	leafRooms = []string{
		"abi.c", "base.c", "blocks.c", "error.c", "limit.c", "log.c", "mem.c",
		"mempool.c", "option.c", "rkey.c", "uri.c",
	}
)

// program is one C test: a main file, helpers beside it, engine rooms.
type program struct {
	name    string
	helpers []string
	rooms   []string
	golden  bool   // gets the captures as arguments
	threads bool   // worth a run with the thread sanitizer
	link    string // flag for the linker, if it needs one
}

var programs = []program{
	{name: "test_frame", rooms: wireRooms},
	{name: "test_payload", rooms: wireRooms},
	{name: "test_golden", helpers: []string{"capture.c"}, rooms: wireRooms, golden: true},
	{name: "test_leaf", helpers: []string{"init_stub.c"}, rooms: leafRooms},
	{name: "test_option", helpers: []string{"init_stub.c"}, rooms: leafRooms},
	{name: "test_uri", rooms: []string{"uri.c"}},
	{name: "test_mempool", helpers: []string{"init_stub.c"}, rooms: leafRooms, threads: true},
	{name: "test_alloc", helpers: []string{"init_stub.c"}, rooms: leafRooms},
}

// isClang tells whether the command is clang, whatever its name.
func isClang(t *testing.T, cc string) bool {
	out, err := exec.Command(cc, "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v", cc, err)
	}
	return strings.Contains(string(out), "clang")
}

// compilers returns the compiler of the build and, beside it, clang.
func compilers(t *testing.T) []string {
	t.Helper()
	names := []string{"cc", "gcc", "clang"}
	// CC may hold a launcher before the compiler and flags behind it.
	for _, word := range strings.Fields(os.Getenv("CC")) {
		if !strings.HasPrefix(word, "-") {
			names = []string{word}
		}
	}
	var found []string
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
			break
		}
	}
	if len(found) == 0 {
		t.Fatalf("no C compiler among %v; the engine cannot be built without one", names)
	}
	if path, err := exec.LookPath("clang"); err == nil && !isClang(t, found[0]) {
		found = append(found, path)
	}
	return found
}

// run executes a command and returns all that it printed.
func run(t *testing.T, limit time.Duration, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(),
		"ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1",
		"UBSAN_OPTIONS=print_stacktrace=1",
		"TSAN_OPTIONS=halt_on_error=1",
		"XIO_TRACE=")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("%s: no end within %v", filepath.Base(name), limit)
	}
	return string(out), err
}

// works tells whether the compiler can build and run a program with a flag.
// Some C libraries come without the sanitizers.
func works(t *testing.T, cc string, flag string) bool {
	t.Helper()
	dir := t.TempDir()
	src := filepath.Join(dir, "probe.c")
	const text = `
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) { return p == NULL && n != 0; }
#ifdef WITH_MAIN
int main(void) { return LLVMFuzzerTestOneInput(NULL, 0); }
#endif
`
	if err := os.WriteFile(src, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "probe")
	args := []string{flag, src, "-o", bin}
	if !strings.Contains(flag, "fuzzer") {
		args = append(args, "-DWITH_MAIN")
	}
	if _, err := run(t, buildTimeout, cc, args...); err != nil {
		return false
	}
	if strings.Contains(flag, "fuzzer") {
		return true
	}
	_, err := run(t, runTimeout, bin)
	return err == nil
}

// sanitizer returns the flags for a sanitizer, or none where the compiler
// lacks it; CI must have it.
func sanitizer(t *testing.T, cc, name string) []string {
	t.Helper()
	flag := "-fsanitize=" + name
	if works(t, cc, flag) {
		return []string{flag, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s has no %s", cc, flag)
	}
	t.Logf("NOTE: %s has no %s", cc, flag)
	return nil
}

// builder compiles each source once and links programs from the objects.
type builder struct {
	cc      string
	flags   []string
	dir     string
	objects map[string]string
}

func newBuilder(t *testing.T, cc string, extra []string) *builder {
	t.Helper()
	flags := append(append([]string{}, strictFlags...), extra...)
	return &builder{cc: cc, flags: flags, dir: t.TempDir(), objects: make(map[string]string)}
}

func (b *builder) object(t *testing.T, src string) string {
	t.Helper()
	if obj, ok := b.objects[src]; ok {
		return obj
	}
	obj := filepath.Join(b.dir, filepath.Base(src)+".o")
	args := append(append([]string{}, b.flags...), "-c", src, "-o", obj)
	if out, err := run(t, buildTimeout, b.cc, args...); err != nil {
		t.Fatalf("%s %s: %v\n%s", b.cc, strings.Join(args, " "), err, out)
	}
	b.objects[src] = obj
	return obj
}

func (b *builder) link(t *testing.T, p program) string {
	t.Helper()
	bin := filepath.Join(b.dir, p.name)
	args := append([]string{}, b.flags...)
	args = append(args, b.object(t, filepath.Join(cDir, p.name+".c")))
	for _, h := range p.helpers {
		args = append(args, b.object(t, filepath.Join(cDir, h)))
	}
	for _, r := range p.rooms {
		args = append(args, b.object(t, filepath.Join(engineDir, r)))
	}
	if p.link != "" {
		args = append(args, p.link)
	}
	args = append(args, "-pthread", "-o", bin)
	if out, err := run(t, buildTimeout, b.cc, args...); err != nil {
		t.Fatalf("%s %s: %v\n%s", b.cc, strings.Join(args, " "), err, out)
	}
	return bin
}

func captures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.txt"))
	if err != nil || len(files) < 25 {
		t.Fatalf("%d golden captures in %s (%v)", len(files), goldenDir, err)
	}
	return files
}

func (p program) args(t *testing.T) []string {
	if p.golden {
		return captures(t)
	}
	return nil
}

// runProgram runs a built test and shows what it printed.
func runProgram(t *testing.T, bin string, args ...string) {
	t.Helper()
	out, err := run(t, runTimeout, bin, args...)
	t.Logf("%s:\n%s", filepath.Base(bin), out)
	if err != nil {
		t.Fatalf("%s: %v", filepath.Base(bin), err)
	}
}

func TestC(t *testing.T) {
	for i, cc := range compilers(t) {
		t.Run(filepath.Base(cc), func(t *testing.T) {
			if testing.Short() && i > 0 {
				t.Skip("short: one compiler only")
			}
			b := engineBuilder(t, cc, "address,undefined")
			t.Logf("%s %s", cc, strings.Join(b.flags, " "))
			b.compilePrograms(t, programs)
			for _, p := range programs {
				bin := b.link(t, p)
				t.Run(p.name, func(t *testing.T) {
					t.Parallel()
					runProgram(t, bin, p.args(t)...)
				})
			}
		})
	}
}

func TestCThreads(t *testing.T) {
	cc := compilers(t)[0]
	b := engineBuilder(t, cc, "thread")
	if b == nil {
		missing(t, "%s has no thread sanitizer", cc)
	}
	for _, p := range programs {
		if !p.threads {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			runProgram(t, b.link(t, p), p.args(t)...)
		})
	}
}

func fuzzSeconds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ACCELIO_FUZZ_SECONDS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("ACCELIO_FUZZ_SECONDS=%q: not a number of seconds", text)
	}
	return n
}

// missing skips a test for want of a tool; in CI, which installs its tools, that
// is a failure.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf("SKIPPED: "+format, args...)
}

// TestFuzzFrame runs the fuzz target of the wire format for a short time,
// seeded with every frame of the golden captures.
func TestFuzzFrame(t *testing.T) {
	cc := fuzzClang(t)
	seeds := filepath.Dir(goldenFrames(t, newBuilder(t, cc, nil))[0])
	corpus, found := t.TempDir(), t.TempDir()
	b := newBuilder(t, cc, []string{"-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"})
	bin := b.link(t, program{name: "fuzz_frame", rooms: wireRooms})
	fuzz(t, bin, 9300, found, corpus, seeds)
}
