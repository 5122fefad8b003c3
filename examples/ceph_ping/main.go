// SPDX-License-Identifier: Apache-2.0

// Ceph_ping asks the monitors of a running Ceph cluster how they do. It shows package
// monc over SimpleMessenger: log in with a keyring or without, read the monitor map,
// ask for usage, and have commands carried out.
//
// It speaks the first version of Ceph's protocol, so the monitors must listen to that,
// which is on port 6789 unless they were told otherwise.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
	"github.com/accelio/accelio-go/messenger/monc"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

const usage = `ceph_ping asks the monitors of a Ceph cluster how they do.

Usage: ceph_ping [flags] [ping | status | statfs | command JSON]

  ping      who answers, and how fast (when nothing is said)
  status    the cluster's status, as JSON
  statfs    how full the cluster is
  command   have a monitor carry out a command, and print what it gives

Flags:
`

const sample = `
Example:
  ceph_ping -mon 127.0.0.1:6789 -keyring /etc/ceph/ceph.client.admin.keyring status
`

// defaultPort is where monitors listen to the first version of the protocol.
const defaultPort = 6789

type options struct {
	mons    []messenger.EntityAddr
	name    cephx.EntityName
	keyring string
	timeout time.Duration
	count   int
	json    bool
	action  string
	command string
}

func main() {
	app.Main("ceph_ping", func(ctx context.Context, args []string) error { return run(ctx, args, os.Stdout) })
}

func run(ctx context.Context, args []string, w io.Writer) error {
	o, help, err := parse(args, w)
	if err != nil || help {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	c, stop, err := connect(ctx, o)
	if err != nil {
		return err
	}
	defer stop()
	switch o.action {
	case "statfs":
		return statfs(ctx, c, o, w)
	case "status", "command":
		return command(ctx, c, o, w)
	}
	return ping(ctx, c, o, w)
}

func parse(args []string, w io.Writer) (*options, bool, error) {
	o := &options{}
	fs := flag.NewFlagSet("ceph_ping", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	mons := fs.String("mon", fmt.Sprintf("127.0.0.1:%d", defaultPort), "`addresses` of monitors, with commas between")
	name := fs.String("name", "client.admin", "`entity` to log in as")
	fs.StringVar(&o.keyring, "keyring", "", "keyring `file` with the key; without one only clusters without authentication let us in")
	fs.DurationVar(&o.timeout, "timeout", 30*time.Second, "longest `time` for everything")
	fs.IntVar(&o.count, "n", 3, "`number` of pings")
	fs.BoolVar(&o.json, "json", false, "print the results of ping and statfs as JSON, too")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fs.SetOutput(w)
		fmt.Fprint(w, usage)
		fs.PrintDefaults()
		fmt.Fprint(w, sample)
		return o, true, nil
	}
	if err != nil {
		return nil, false, app.Usagef("%v", err)
	}
	if o.name, err = cephx.ParseEntityName(*name); err != nil {
		return nil, false, app.Usagef("-name %q is no entity, such as client.admin", *name)
	}
	for _, s := range strings.Split(*mons, ",") {
		a, err := address(s)
		if err != nil {
			return nil, false, app.Usagef("-mon %q is no address", s)
		}
		o.mons = append(o.mons, a)
	}
	if o.count < 1 {
		return nil, false, app.Usagef("-n %d is not positive", o.count)
	}
	return o, false, o.positional(fs.Args())
}

// address reads "IP", "IP:port" or "v1:IP:port/nonce".
func address(s string) (messenger.EntityAddr, error) {
	s = strings.TrimSpace(s)
	if ip, err := netip.ParseAddr(s); err == nil {
		return messenger.EntityAddr{Type: messenger.AddrLegacy, Addr: netip.AddrPortFrom(ip, defaultPort)}, nil
	}
	a, err := messenger.ParseEntityAddr(s)
	if err == nil && a.Type != messenger.AddrLegacy {
		err = fmt.Errorf("%v is not of type %v", a, messenger.AddrLegacy)
	}
	return a, err
}

func (o *options) positional(args []string) error {
	o.action = "ping"
	if len(args) > 0 {
		o.action, args = args[0], args[1:]
	}
	switch o.action {
	case "ping", "statfs":
	case "status":
		o.command = `{"prefix": "status", "format": "json"}`
	case "command":
		if len(args) == 0 {
			return app.Usagef("which command? It is one JSON object")
		}
		o.command, args = args[0], args[1:]
		if !json.Valid([]byte(o.command)) {
			return app.Usagef("command %q is no JSON", o.command)
		}
	default:
		return app.Usagef("%q is neither ping, status, statfs nor command", o.action)
	}
	if len(args) > 0 {
		return app.Usagef("%q is one argument too many", args[0])
	}
	return nil
}

// connect logs in with one of the monitors. stop ends it all.
func connect(ctx context.Context, o *options) (c *monc.Client, stop func(), err error) {
	cfg := monc.Config{Mons: o.mons, Name: o.name}
	if o.keyring != "" {
		k, err := cephx.LoadKeyring(o.keyring)
		if err != nil {
			return nil, nil, err
		}
		if cfg.Key, err = k.Key(o.name); err != nil {
			return nil, nil, err
		}
	}
	r := messenger.NewRegistry()
	monc.Register(r)
	m := simplemessenger.New(messenger.Config{
		Name:     messenger.EntityName{Type: messenger.EntityClient, Num: messenger.UnknownNum},
		Registry: r,
	})
	if c, err = monc.New(m, cfg); err != nil {
		return nil, nil, err
	}
	stop = func() {
		c.Close()
		m.Shutdown()
		m.Wait()
	}
	if err = m.Start(); err == nil {
		c.Start()
		err = c.Wait(ctx)
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	return c, stop, nil
}
