// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The engine as a whole: every source, compiled once for each compiler and
// sanitizer, for the programs that drive it through its public interface.

// enginePrograms are C tests of the whole engine.
var enginePrograms = []program{
	{name: "test_engine_events", helpers: []string{"engine.c"}},
	{name: "test_engine_messages", helpers: []string{"engine.c"}},
	{name: "test_engine_flow", helpers: []string{"engine.c"}},
	{name: "test_engine_queue", helpers: []string{"engine.c"}},
	{name: "test_engine_wrong", helpers: []string{"engine.c"}},
	{name: "test_engine_sessions", helpers: []string{"engine.c", "seats.c"}},
	{name: "test_engine_decisions", helpers: []string{"engine.c", "seats.c"}},
	{name: "test_engine_redirect", helpers: []string{"engine.c", "seats.c"}},
	{name: "test_engine_wait", helpers: []string{"engine.c", "seats.c"}},
	{name: "test_engine_portals", helpers: []string{"engine.c", "seats.c"}, threads: true},
	{name: "test_engine_loop", helpers: []string{"engine.c"}, threads: true, link: "-Wl,--wrap=xe_now_ns"},
	{name: "test_engine_cancel", helpers: []string{"engine.c"}},
	{name: "test_engine_reconnect", helpers: []string{"engine.c", "forwarder.c"}},
	{name: "test_engine_cuts", helpers: []string{"engine.c", "forwarder.c"}},
	{name: "test_engine_alloc", helpers: []string{"engine.c"}},
	{name: "test_engine_alloc_sessions", helpers: []string{"engine.c", "seats.c"}},
	{name: "test_engine_threads", threads: true},
	{name: "test_engine_limits", helpers: []string{"engine.c"}},
}

func engineRooms(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(engineDir, "*.c"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no C sources in %s (%v)", engineDir, err)
	}
	for i, f := range files {
		files[i] = filepath.Base(f)
	}
	return files
}

var builders struct {
	sync.Mutex
	dir   string
	built map[string]*builder
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ctest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	builders.dir = dir
	builders.built = make(map[string]*builder)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		os.RemoveAll(dir)
		os.Exit(status)
	}))
}

// engineBuilder returns the builder for a compiler and sanitizer with all of
// the engine compiled; nil without that sanitizer. All tests share it.
func engineBuilder(t *testing.T, cc, san string) *builder {
	t.Helper()
	builders.Lock()
	defer builders.Unlock()
	key := filepath.Base(cc) + "-" + strings.ReplaceAll(san, ",", "-")
	if b, ok := builders.built[key]; ok {
		return b
	}
	flags := sanitizer(t, cc, san)
	b := &builder{
		cc:      cc,
		flags:   append(append([]string{}, strictFlags...), flags...),
		dir:     filepath.Join(builders.dir, key),
		objects: make(map[string]string),
	}
	if flags == nil && san == "thread" {
		b = nil
	} else {
		if err := os.Mkdir(b.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		var sources []string
		for _, room := range engineRooms(t) {
			sources = append(sources, filepath.Join(engineDir, room))
		}
		b.compileAll(t, sources)
	}
	builders.built[key] = b
	return b
}

// compilePrograms compiles what programs have besides the engine.
func (b *builder) compilePrograms(t *testing.T, programs []program) {
	t.Helper()
	var sources []string
	for _, p := range programs {
		for _, name := range append([]string{p.name + ".c"}, p.helpers...) {
			sources = append(sources, filepath.Join(cDir, name))
		}
	}
	b.compileAll(t, sources)
}

// compileAll compiles those sources that have not been, several at a time.
func (b *builder) compileAll(t *testing.T, sources []string) {
	t.Helper()
	slices.Sort(sources)
	sources = slices.DeleteFunc(slices.Compact(sources), func(src string) bool { return b.objects[src] != "" })
	type result struct {
		src, obj, out string
		err           error
	}
	work := make(chan string)
	results := make(chan result)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for src := range work {
				obj := filepath.Join(b.dir, filepath.Base(src)+".o")
				args := append(append([]string{}, b.flags...), "-c", src, "-o", obj)
				out, err := run(t, buildTimeout, b.cc, args...)
				results <- result{src, obj, out, err}
			}
		}()
	}
	go func() {
		for _, src := range sources {
			work <- src
		}
		close(work)
	}()
	failed := false
	for range sources {
		r := <-results
		if r.err != nil {
			t.Errorf("%s %s: %v\n%s", b.cc, r.src, r.err, r.out)
			failed = true
		}
		b.objects[r.src] = r.obj
	}
	if failed {
		t.FailNow()
	}
}

// linkEngine links a program with the whole engine, once.
func (b *builder) linkEngine(t *testing.T, p program) string {
	t.Helper()
	bin := filepath.Join(b.dir, p.name)
	if _, err := os.Stat(bin); err == nil {
		return bin
	}
	p.rooms = engineRooms(t)
	return b.link(t, p)
}

func TestEngine(t *testing.T) {
	for i, cc := range compilers(t) {
		t.Run(filepath.Base(cc), func(t *testing.T) {
			if testing.Short() && i > 0 {
				t.Skip("short: one compiler only")
			}
			b := engineBuilder(t, cc, "address,undefined")
			b.compilePrograms(t, enginePrograms)
			for _, p := range enginePrograms {
				bin := b.linkEngine(t, p)
				t.Run(p.name, func(t *testing.T) {
					t.Parallel()
					runProgram(t, bin)
				})
			}
		})
	}
}

func TestEngineThreads(t *testing.T) {
	cc := compilers(t)[0]
	b := engineBuilder(t, cc, "thread")
	if b == nil {
		missing(t, "%s has no thread sanitizer", cc)
	}
	for _, p := range enginePrograms {
		if !p.threads {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			runProgram(t, b.linkEngine(t, p))
		})
	}
}

// enginePeer is testdata/engine_peer.c at work: commands in, events out.
type enginePeer struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string
	seen  []string // every event so far
	errs  lockedText
	ended bool
}

// lockedText takes what a process writes while a test looks at it.
type lockedText struct {
	sync.Mutex
	b strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.Lock()
	defer l.Unlock()
	return l.b.String()
}

const peerPatience = 20 * time.Second

func startPeer(t *testing.T, args ...string) *enginePeer {
	t.Helper()
	b := engineBuilder(t, compilers(t)[0], "address,undefined")
	bin := b.linkEngine(t, program{name: "engine_peer", helpers: []string{"bystander.c", "peer_places.c", "peer_print.c"}})
	p := &enginePeer{t: t, cmd: exec.Command(bin, args...), lines: make(chan string, 4096)}
	p.cmd.Env = append(os.Environ(),
		"ASAN_OPTIONS=detect_leaks=1",
		"UBSAN_OPTIONS=print_stacktrace=1",
		"XIO_TRACE=")
	p.cmd.Stderr = &p.errs
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		in := bufio.NewScanner(out)
		for in.Scan() {
			p.lines <- in.Text()
		}
	}()
	t.Cleanup(func() {
		if !p.ended {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
	})
	return p
}

func (p *enginePeer) fatal(format string, args ...any) {
	p.t.Helper()
	for !p.ended {
		select {
		case line, ok := <-p.lines:
			if ok {
				p.seen = append(p.seen, line)
				continue
			}
			p.ended = true
			p.cmd.Wait()
		case <-time.After(200 * time.Millisecond):
			p.ended = true
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
	}
	p.t.Fatalf("%s\nengine's events:\n  %s\nengine's standard error:\n%s",
		fmt.Sprintf(format, args...), strings.Join(p.seen, "\n  "), p.errs.String())
}

// next returns the next event.
func (p *enginePeer) next() string {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.ended = true
			p.fatal("the engine's process has ended: %v", p.cmd.Wait())
		}
		p.seen = append(p.seen, line)
		if strings.HasPrefix(line, "FAILED") {
			p.fatal("%s", line)
		}
		return line
	case <-time.After(peerPatience):
		p.fatal("no event within %v", peerPatience)
	}
	return ""
}

// waitFor reads events up to one with this start and returns the rest of it.
func (p *enginePeer) waitFor(start string) string {
	p.t.Helper()
	for {
		if rest, ok := strings.CutPrefix(p.next(), start); ok {
			return rest
		}
	}
}

// port is where a server listens.
func (p *enginePeer) port() int {
	p.t.Helper()
	n, err := strconv.Atoi(p.waitFor("port "))
	if err != nil {
		p.fatal("%v", err)
	}
	return n
}

func (p *enginePeer) command(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		p.fatal("command %q: %v", line, err)
	}
}

// wait expects the process to end by itself, without a leak, and returns its
// events.
func (p *enginePeer) wait() []string {
	p.t.Helper()
	for line := ""; line != "end"; {
		line = p.next()
	}
	select {
	case line, ok := <-p.lines:
		if ok {
			p.fatal("event after the end: %s", line)
		}
	case <-time.After(peerPatience):
		p.fatal("the engine's process does not end")
	}
	p.ended = true
	if err := p.cmd.Wait(); err != nil {
		p.fatal("the engine's process: %v", err)
	}
	return p.seen
}
