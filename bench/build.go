// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/accelio/accelio-go/bench/internal/measure"
)

// library is one that does the work, with the two programs that use it.
type library struct {
	name string
	c    string // paths
	peer string
}

const (
	engineName = "embedded engine"
	libxioName = "libxio"
)

// programs are what is measured, and what is not with the reason.
type programs struct {
	libs    []library // the engine comes first
	without map[string]string
}

// build makes the programs in dir.
func (c *config) build(ctx context.Context, dir string) (*programs, error) {
	p := &programs{without: map[string]string{}}
	var tags []string
	if exec.CommandContext(ctx, "pkg-config", "--exists", "libzmq").Run() == nil {
		tags = append(tags, "zmq")
	} else {
		p.without["zmq"] = "pkg-config knows no libzmq (Debian: libzmq3-dev)"
	}
	prefix := filepath.Join(dir, "accelio")
	if err := measure.InstallEngine(ctx, prefix); err != nil {
		return nil, err
	}
	flags, err := measure.PrefixFlags(prefix)
	if err != nil {
		return nil, err
	}
	engine := library{engineName, filepath.Join(dir, "c"), filepath.Join(dir, "peer")}
	if err := measure.CompileC(ctx, engine.c, flags); err != nil {
		return nil, err
	}
	if err := buildPeer(ctx, engine.peer, tags, nil); err != nil {
		return nil, err
	}
	p.libs = append(p.libs, engine)

	flags, found, err := measure.FindLibxio(ctx, c.libxio)
	if err != nil {
		return nil, err
	}
	if !found {
		p.without[libxioName] = "none is named by -libxio or ACCELIO_PREFIX, or known to pkg-config"
		return p, nil
	}
	libxio := library{libxioName, filepath.Join(dir, "c-libxio"), filepath.Join(dir, "peer-libxio")}
	if err := measure.CompileC(ctx, libxio.c, flags); err != nil {
		return nil, err
	}
	env := []string{
		"CGO_CFLAGS=" + strings.Join(append([]string{"-O2 -g"}, flags.Compile...), " "),
		"CGO_LDFLAGS=" + strings.Join(flags.Link, " "),
	}
	if err := buildPeer(ctx, libxio.peer, []string{"libxio"}, env); err != nil {
		return nil, err
	}
	p.libs = append(p.libs, libxio)
	return p, nil
}

// buildPeer makes the Go program of the folder peer.
func buildPeer(ctx context.Context, program string, tags, env []string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", strings.Join(tags, ","), "-o", program,
		"github.com/accelio/accelio-go/bench/peer")
	cmd.Env = append(os.Environ(), env...)
	if err := measure.Run(cmd); err != nil {
		return fmt.Errorf("the Go program: %w", err)
	}
	return nil
}
