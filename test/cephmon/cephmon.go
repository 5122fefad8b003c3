// SPDX-License-Identifier: Apache-2.0

// Package cephmon runs a real Ceph monitor for tests: one ceph-mon on loopback that
// speaks the first version of Ceph's protocol, in a scratch folder, with
// authentication off or on. Nothing outside that folder is touched, and the monitor
// ends with its test.
//
// Where ceph-mon is not installed the test is skipped and says so; if the
// environment variable CI is set, it fails.
package cephmon

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
)

// FSID is the cluster's ID.
const FSID = "11111111-2222-3333-4444-555555555555"

// Admin is the client that a monitor with authentication knows.
var Admin = cephx.EntityName{Type: messenger.EntityClient, ID: "admin"}

// monName is the name of all monitors among each other.
var monName = cephx.EntityName{Type: messenger.EntityMon}

// patience bounds every wait; a test that reaches it has failed.
const patience = 60 * time.Second

// Options say which monitor to run.
type Options struct {
	// Cephx turns authentication on.
	Cephx bool
	// Peers are other members of the monitor map, by name. With one the monitor finds
	// no quorum by itself.
	Peers map[string]netip.AddrPort
	// IPv6 makes the monitor listen on ::1 in place of 127.0.0.1.
	IPv6 bool
	// Debug writes each step of the protocol, and of authentication, to the log.
	Debug bool
}

// Monitor is a running monitor, mon.a.
type Monitor struct {
	// Addr is where it listens; its nonce is 0.
	Addr netip.AddrPort
	// Keyring has the keys of the monitors and of [Admin]; empty without authentication.
	Keyring cephx.Keyring
	// KeyringPath is the file of it, Conf that of the configuration.
	KeyringPath, Conf string

	t    testing.TB
	o    Options
	dir  string
	exit chan error // nil while it does not run
	pid  int
}

// Start makes a monitor, starts it, and waits until it is ready: until it leads, or,
// with peers, until it looks for them. It is stopped and removed when the test ends.
func Start(t testing.TB, o Options) *Monitor {
	t.Helper()
	Need(t, "ceph-mon", "monmaptool")
	// The path of a unix socket has little room, so not the test's own folder.
	dir, err := os.MkdirTemp("", "cephmon")
	if err != nil {
		t.Fatal(err)
	}
	m := &Monitor{t: t, o: o, dir: dir, Conf: filepath.Join(dir, "ceph.conf"), Addr: freePort(t, o.IPv6)}
	t.Cleanup(func() {
		m.Stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	m.make()
	m.Run()
	return m
}

// Need skips the test, or fails it if the environment variable CI is set, where one of
// Ceph's commands is not installed.
func Need(t testing.TB, commands ...string) {
	t.Helper()
	for _, cmd := range commands {
		if _, err := exec.LookPath(cmd); err != nil {
			text := "not run: there is no " + cmd + " here: install the packages ceph-mon and ceph-common"
			if os.Getenv("CI") != "" {
				t.Fatal(text)
			}
			t.Skip(text)
		}
	}
}

func freePort(t testing.TB, v6 bool) netip.AddrPort {
	t.Helper()
	host := "127.0.0.1"
	if v6 {
		host = "::1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

// make lays out the monitor's folder: configuration, keys, map and store.
func (m *Monitor) make() {
	m.t.Helper()
	for _, d := range []string{"mon/a", "run", "log"} {
		if err := os.MkdirAll(filepath.Join(m.dir, d), 0o755); err != nil {
			m.t.Fatal(err)
		}
	}
	mkfs := []string{"-c", m.Conf, "--mkfs", "-i", "a", "--monmap", filepath.Join(m.dir, "monmap")}
	if m.o.Cephx {
		m.KeyringPath = filepath.Join(m.dir, "keyring")
		m.Keyring = m.newKeyring()
		m.write("keyring", string(m.Keyring.Text()))
		mkfs = append(mkfs, "--keyring", m.KeyringPath)
	}
	m.write("ceph.conf", m.conf())
	monmap := []string{"--create", "--clobber", "--fsid", FSID, "--addv", "a", "[v1:" + m.Addr.String() + "]"}
	for name, addr := range m.o.Peers {
		monmap = append(monmap, "--addv", name, "[v1:"+addr.String()+"]")
	}
	m.command("monmaptool", append(monmap, filepath.Join(m.dir, "monmap"))...)
	m.command("ceph-mon", mkfs...)
}

func (m *Monitor) newKeyring() cephx.Keyring {
	all := map[string]string{"mon": "allow *", "mgr": "allow *", "osd": "allow *", "mds": "allow *"}
	k := cephx.Keyring{}
	for name, caps := range map[cephx.EntityName]map[string]string{monName: {"mon": "allow *"}, Admin: all} {
		key, err := cephx.NewKey(nil, time.Now())
		if err != nil {
			m.t.Fatal(err)
		}
		k[name] = cephx.KeyringEntry{Key: key, Caps: caps}
	}
	return k
}

func (m *Monitor) conf() string {
	auth, keyring, debug, bind := "none", "", "0", "ms bind ipv4 = true"
	if m.o.Cephx {
		auth, keyring = "cephx", "keyring = "+m.KeyringPath
	}
	if m.o.Debug {
		debug = "20"
	}
	if m.o.IPv6 {
		bind = "ms bind ipv4 = false\nms bind ipv6 = true"
	}
	members, hosts := "a", "v1:"+m.Addr.String()
	for name, addr := range m.o.Peers {
		members += "," + name
		hosts += ",v1:" + addr.String()
	}
	return fmt.Sprintf(`[global]
fsid = %s
mon initial members = %s
mon host = %s
auth cluster required = %[4]s
auth service required = %[4]s
auth client required = %[4]s
auth supported = %[4]s
ms bind msgr2 = false
%[5]s
%[6]s
run dir = %[7]s/run
admin socket = %[7]s/run/$name.asok
log file = %[7]s/log/$name.log
pid file = %[7]s/run/$name.pid
mon data avail crit = 0
[mon]
debug ms = %[8]s
debug mon = %[8]s
debug auth = %[8]s
[mon.a]
mon data = %[7]s/mon/a
`, FSID, members, hosts, auth, bind, keyring, m.dir, debug)
}

func (m *Monitor) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *Monitor) command(name string, args ...string) {
	m.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		m.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// Run starts a monitor that was stopped, on the same address with the same store, and
// waits until it is ready.
func (m *Monitor) Run() {
	m.t.Helper()
	if m.exit != nil {
		m.t.Fatal("the monitor runs already")
	}
	cmd := exec.Command("ceph-mon", "-c", m.Conf, "-i", "a", "-f", "--public-addr", "v1:"+m.Addr.String())
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	// A monitor must not outlive a test program that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, exit := make(chan error), make(chan error, 1)
	go func() {
		// The signal comes when the thread that started the process ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			exit <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		m.t.Fatal(err)
	}
	m.exit, m.pid = exit, cmd.Process.Pid
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-exit:
			exit <- err
			m.t.Fatalf("the monitor ended: %v\n%s\n%s", err, said.String(), m.Log())
		default:
		}
		state, err := m.State()
		if err == nil && (slices.Contains([]string{"leader", "peon"}, state) || len(m.o.Peers) > 0 && state == "probing") {
			return
		}
		if time.Now().After(end) {
			m.t.Fatalf("the monitor is not ready: state %q, %v\n%s", state, err, m.Log())
		}
	}
}

// Stop ends the monitor as an administrator would, and waits for its end. It does
// nothing if the monitor does not run.
func (m *Monitor) Stop() { m.signal(syscall.SIGTERM) }

// Kill ends the monitor without giving it time for anything.
func (m *Monitor) Kill() { m.signal(syscall.SIGKILL) }

func (m *Monitor) signal(sig syscall.Signal) {
	m.t.Helper()
	if m.exit == nil {
		return
	}
	exit := m.exit
	m.exit = nil
	if err := syscall.Kill(m.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		m.t.Error(err)
	}
	select {
	case <-exit:
	case <-time.After(patience):
		syscall.Kill(m.pid, syscall.SIGKILL)
		<-exit
		m.t.Errorf("the monitor did not end by itself\n%s", m.Log())
	}
}

// Log is the end of the monitor's log.
func (m *Monitor) Log() string {
	b, err := os.ReadFile(filepath.Join(m.dir, "log", "mon.a.log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-20000):])
}
