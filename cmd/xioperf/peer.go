// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// peer is the server a client goes to.
type peer struct {
	uri   string
	close func() error
}

// findServer starts the server the options ask for, if they do.
func (o *options) findServer() (*peer, error) {
	switch {
	case o.local:
		s, err := o.listen(o.uri)
		if err != nil {
			return nil, err
		}
		return &peer{s.URI(), s.Close}, nil
	case o.spawn:
		return o.spawnServer()
	}
	return &peer{o.uri, func() error { return nil }}, nil
}

// spawnServer starts this program once more as a server. The end of its
// standard input, which comes even if this process is killed, ends it.
func (o *options) spawnServer() (*peer, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, "-server", "-until-eof", "-json", "-uri", o.uri,
		"-workers", strconv.Itoa(o.workers), "-portals", strconv.Itoa(o.portals),
		"-single="+strconv.FormatBool(o.single),
		"-no-keepalive="+strconv.FormatBool(o.noKeepalive))
	// Ctrl-C at the terminal is for the client, which needs its server until
	// all is answered.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(out)
	end := func() error {
		in.Close()
		_, _ = io.Copy(io.Discard, lines)
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("the server's process: %w: %s", err, bytes.TrimSpace(complaint.Bytes()))
		}
		return nil
	}
	p := &peer{close: func() error {
		err := within(o.timeout, "the server's process did not end", end)
		_ = cmd.Process.Kill() // if it is still there
		return err
	}}
	line, err := lines.ReadBytes('\n')
	var l listening
	if err == nil {
		err = json.Unmarshal(line, &l)
	}
	if err != nil {
		return nil, errors.Join(end(), err)
	}
	p.uri = l.URI
	return p, nil
}
