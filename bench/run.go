// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/accelio/accelio-go/bench/internal/measure"
)

func seconds(d time.Duration) string { return fmt.Sprint(d.Seconds()) }

// run builds, measures and writes.
func (c *config) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "xiobench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := c.build(ctx, dir)
	if err != nil {
		return err
	}
	for what, why := range p.without {
		fmt.Fprintf(c.log, "%s is not run: %s\n", what, why)
	}
	r := newResults(c, p)
	if err := r.describe(ctx); err != nil {
		return err
	}
	for round := range c.rounds {
		began := time.Now()
		for _, w := range c.work(p) {
			if err := r.runCase(ctx, w, round); err != nil {
				return err
			}
		}
		fmt.Fprintf(c.log, "round %d of %d: %.0f s\n", round+1, c.rounds, time.Since(began).Seconds())
	}
	return r.write()
}

// work is a case on a library.
type work struct {
	library
	benchCase
}

// work lists what the selected rows need, without contenders that no row names
// or that cannot run.
func (c *config) work(p *programs) []work {
	var list []work
	add := func(l library, k benchCase, tables []table) {
		k.contenders = slices.DeleteFunc(k.contenders, func(who contender) bool {
			return p.without[who.name] != "" || !wanted(tables, l.name, k.name, who.name, p.without)
		})
		if len(k.contenders) > 0 {
			list = append(list, work{l, k})
		}
	}
	tables := c.tables()
	for _, k := range c.casesInC() {
		for _, l := range p.libs { // pairs run side by side
			add(l, k, tables)
		}
	}
	for _, k := range c.rivalCases() {
		add(p.libs[0], k, tables)
	}
	return list
}

func wanted(tables []table, library, cs, who string, without map[string]string) bool {
	return slices.ContainsFunc(tables, func(t table) bool {
		return t.library == library && slices.ContainsFunc(t.rows, func(r row) bool {
			return r.cs == cs && (r.ours == who || r.theirs == who) && without[r.theirs] == ""
		})
	})
}

// runCase runs each contender once. The first is another one in each round.
func (r *results) runCase(ctx context.Context, w work, round int) error {
	n := len(w.contenders)
	for i := range n {
		who := w.contenders[(i+round)%n]
		values, err := w.library.run(ctx, r.c, who)
		if err != nil {
			return fmt.Errorf("%s, %s, %s: %w", w.library.name, w.benchCase.name, who.name, err)
		}
		r.add(round, key{library: w.library.name, cs: w.benchCase.name, contender: who.name}, values)
	}
	return nil
}

// command is the process as a command on this library.
func (l library) command(p process) (string, []string) {
	if p.inC {
		return l.c, p.args
	}
	return l.peer, p.args
}

// run runs a server and a client and returns what they print. When the server
// ends early, so does the client.
func (l library) run(ctx context.Context, c *config, who contender) (map[string]float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s, err := l.startServer(c, who.server, cancel)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	name, args := l.command(who.client)
	if who.client.inC {
		args = append(slices.Clone(args), "-a", s.address)
	} else {
		args = append(slices.Clone(args), "-server", s.address)
	}
	name, args = c.bind(clientSide, name, args)
	out, err := measure.Output(ctx, name, args...)
	err = errors.Join(err, context.Cause(ctx))
	more, serverErr := s.stop()
	if serverErr != nil {
		return nil, fmt.Errorf("server: %w", serverErr)
	}
	if err != nil {
		return nil, err
	}
	values, err := measure.Values(append(out, more...))
	if err != nil {
		return nil, err
	}
	if n := values["messages"]; n == 0 || (!who.client.inC && values["verified"] < n) {
		return nil, fmt.Errorf("of %.0f answers %.0f are verified", n, values["verified"])
	}
	return values, nil
}

// server is a running server.
type server struct {
	cmd     *exec.Cmd
	address string // port:pid
	stdin   io.Closer
	output  chan []byte
	stderr  *strings.Builder
}

// startServer starts one and waits for its port. ended is called when it ends.
func (l library) startServer(c *config, p process, ended context.CancelCauseFunc) (*server, error) {
	name, args := l.command(p)
	name, args = c.bind(serverSide, name, args)
	s := &server{cmd: exec.Command(name, args...), output: make(chan []byte, 1), stderr: new(strings.Builder)}
	s.cmd.Stderr = s.stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.stdin = stdin
	r := bufio.NewReader(stdout)
	var port, pid int
	if _, err := fmt.Fscanf(r, "port=%d pid=%d\n", &port, &pid); err != nil {
		_, stopErr := s.stopReading(r, ended)
		return nil, errors.Join(fmt.Errorf("it prints no port: %w", err), stopErr)
	}
	s.address = fmt.Sprintf("%d:%d", port, pid)
	go s.read(r, ended)
	return s, nil
}

func (s *server) stopReading(r io.Reader, ended context.CancelCauseFunc) ([]byte, error) {
	go s.read(r, ended)
	return s.stop()
}

// read takes the rest of the output: it ends with the server.
func (s *server) read(r io.Reader, ended context.CancelCauseFunc) {
	out, _ := io.ReadAll(r)
	s.output <- out
	ended(errors.New("the server has ended"))
}

// stop ends the server and returns what it printed since it gave its port.
func (s *server) stop() ([]byte, error) {
	s.stdin.Close()
	kill := time.AfterFunc(10*time.Second, func() { s.cmd.Process.Kill() })
	defer kill.Stop()
	out := <-s.output
	if err := s.cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(s.cmd.Args[1:], " "), err, s.stderr)
	}
	return out, nil
}
