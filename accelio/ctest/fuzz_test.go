// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The whole engine as a fuzz target: a server, and a client, against a peer
// that writes what the input says (testdata/fuzz_script.h).

// crashDir holds, by target, every input that ever found something.
const crashDir = "testdata/crashes"

var fuzzHelpers = []string{
	"fuzz_world.c", "fuzz_app.c", "fuzz_app_receive.c", "fuzz_app_send.c", "fuzz_peer.c", "fuzz_frames.c", "fuzz_script.c",
}

// The harness stands in for these.
const fuzzWraps = "-Wl,--wrap=xe_now_ns,--wrap=timerfd_settime,--wrap=connect,--wrap=getaddrinfo,--wrap=getrandom"

var wholeTargets = []struct {
	name     string
	asServer bool
}{
	{"fuzz_server", true},
	{"fuzz_client", false},
}

// fuzzClang is clang with libFuzzer.
func fuzzClang(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: no fuzzing in a short run")
	}
	cc, err := exec.LookPath("clang")
	if err != nil {
		missing(t, "fuzzing needs clang, and there is none")
	}
	if !works(t, cc, "-fsanitize=fuzzer,address,undefined") {
		missing(t, "%s comes without libFuzzer on %s", cc, runtime.GOARCH)
	}
	return cc
}

// linkWhole links a target with the harness and the objects of the engine.
func linkWhole(t *testing.T, harness, engine *builder, name, main string, link ...string) string {
	t.Helper()
	bin := filepath.Join(harness.dir, name)
	p := program{name: name, helpers: fuzzHelpers}
	if main != "" {
		p.helpers = append(slices.Clone(p.helpers), main)
	}
	harness.compilePrograms(t, []program{p})
	args := slices.Clone(harness.flags)
	for _, src := range append(p.helpers, name+".c") {
		args = append(args, harness.object(t, filepath.Join(cDir, src)))
	}
	for _, room := range engineRooms(t) {
		args = append(args, engine.object(t, filepath.Join(engineDir, room)))
	}
	args = append(append(args, link...), fuzzWraps, "-pthread", "-o", bin)
	if out, err := run(t, buildTimeout, harness.cc, args...); err != nil {
		t.Fatalf("%s %s: %v\n%s", harness.cc, strings.Join(args, " "), err, out)
	}
	return bin
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// goldenFrames are all frames of the captures as inputs of fuzz_frame.
func goldenFrames(t *testing.T, b *builder) []string {
	t.Helper()
	golden := b.link(t, program{name: "test_golden", helpers: []string{"capture.c"}, rooms: wireRooms})
	dir := t.TempDir()
	runProgram(t, golden, append([]string{"-o", dir}, captures(t)...)...)
	found := files(t, dir)
	if len(found) < 100 {
		t.Fatalf("%d frames in the captures", len(found))
	}
	return found
}

// stats are the counts that a run of a target prints at its end.
func stats(t *testing.T, out string) map[string]int {
	t.Helper()
	m := make(map[string]int)
	for line := range strings.Lines(out) {
		if _, rest, ok := strings.Cut(line, "fuzz-stats:"); ok {
			for _, f := range strings.Fields(rest) {
				key, value, _ := strings.Cut(f, "=")
				n, err := strconv.Atoi(value)
				if err != nil {
					t.Fatalf("%q: %v", f, err)
				}
				m[key] = n
			}
		}
	}
	if len(m) == 0 {
		t.Fatalf("no statistics in\n%s", out)
	}
	return m
}

// seedsReach are facts that the seeds of each target must bring about, or the
// fuzzer would start from far away.
var seedsReach = []string{
	"links", "frames-in", "frames-out", "sessions", "requests", "responses", "one-ways", "large", "assigned",
	"sent", "receipts", "msg-errors", "fins", "keepalives", "hellos", "cancels", "closed", "lost", "resumed",
	"neighbours",
}

// TestFuzzReplay runs what ever found something, and all seeds, with every
// compiler and its sanitizers, and without the fuzzer.
func TestFuzzReplay(t *testing.T) {
	t.Setenv("FUZZ_STATS", "1")
	for i, cc := range compilers(t) {
		t.Run(filepath.Base(cc), func(t *testing.T) {
			if testing.Short() && i > 0 {
				t.Skip("short: one compiler only")
			}
			b := engineBuilder(t, cc, "address,undefined")
			frame := b.link(t, program{name: "fuzz_frame", helpers: []string{"fuzz_replay.c"}, rooms: wireRooms})
			runProgram(t, frame, append(files(t, filepath.Join(crashDir, "frame")), goldenFrames(t, b)...)...)
			for _, target := range wholeTargets {
				bin := linkWhole(t, b, b, target.name, "fuzz_replay.c")
				t.Run(target.name, func(t *testing.T) {
					seeds := t.TempDir()
					n := writeSeeds(t, seeds, target.asServer)
					found := files(t, filepath.Join(crashDir, strings.TrimPrefix(target.name, "fuzz_")))
					out, err := run(t, runTimeout, bin, append(found, files(t, seeds)...)...)
					if err != nil {
						t.Fatalf("%v\n%s", err, out)
					}
					m := stats(t, out)
					t.Logf("%d inputs that found something, %d seeds: %v", len(found), n, m)
					if m["inputs"] != n+len(found) {
						t.Errorf("%d inputs ran, not %d", m["inputs"], n+len(found))
					}
					for _, key := range seedsReach {
						if m[key] == 0 {
							t.Errorf("the seeds reach no %s", key)
						}
					}
				})
			}
		})
	}
}

// TestFuzzWhole runs both targets for a short time.
func TestFuzzWhole(t *testing.T) {
	cc := fuzzClang(t)
	harness := newBuilder(t, cc, []string{"-fsanitize=address,undefined", "-fno-sanitize-recover=all"})
	// Only the engine's branches are worth the fuzzer's attention.
	engine := newBuilder(t, cc, append(slices.Clone(harness.flags[len(strictFlags):]), "-fsanitize=fuzzer-no-link"))
	var sources []string
	for _, room := range engineRooms(t) {
		sources = append(sources, filepath.Join(engineDir, room))
	}
	engine.compileAll(t, sources)
	for _, target := range wholeTargets {
		bin := linkWhole(t, harness, engine, target.name, "", "-fsanitize=fuzzer")
		t.Run(target.name, func(t *testing.T) {
			t.Parallel()
			seeds, corpus, found := t.TempDir(), t.TempDir(), t.TempDir()
			writeSeeds(t, seeds, target.asServer)
			fuzz(t, bin, 4096, found, "-dict="+filepath.Join(cDir, "fuzz.dict"), corpus, seeds,
				filepath.Join(crashDir, strings.TrimPrefix(target.name, "fuzz_")))
		})
	}
}

// fuzz runs a target for the time that is set; a finding stays in the log.
func fuzz(t *testing.T, bin string, maxLen int, found string, args ...string) {
	t.Helper()
	seconds := fuzzSeconds(t)
	args = append([]string{
		"-max_total_time=" + strconv.Itoa(seconds), "-max_len=" + strconv.Itoa(maxLen), "-timeout=60",
		"-print_final_stats=1", "-artifact_prefix=" + found + string(filepath.Separator),
	}, args...)
	if os.Getenv("ACCELIO_FUZZ_SECONDS") == "" {
		args = append([]string{"-runs=1000000"}, args...)
	}
	out, err := run(t, runTimeout+time.Duration(seconds)*time.Second, bin, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "Done ") || strings.Contains(line, "INITED") || strings.Contains(line, "average_exec") {
			t.Log(strings.TrimSpace(line))
		}
	}
}
