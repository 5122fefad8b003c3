// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// reportEnv names the descriptor on which a process in the background tells the
// one that started it how the start went.
const reportEnv = "ACCELIO_DAEMON_REPORT"

func inBackground() bool { return os.Getenv(reportEnv) != "" }

// detach starts this program again in a session of its own, with no terminal,
// and returns when that has begun its work or has failed. A Go program cannot
// fork by itself: it has threads.
func detach(pidFile string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command(exe, os.Args[1:]...)
	cmd.ExtraFiles = []*os.File{w} // becomes descriptor 3
	cmd.Env = append(os.Environ(), reportEnv+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	switch string(text) {
	case "ok":
		return cmd.Process.Release()
	case "":
		return fmt.Errorf("the process in the background has ended: %v", cmd.Wait())
	}
	return errors.Join(errors.New(string(text)), cmd.Wait())
}

// report tells the process that started this one how the start went.
func report(err error) {
	fd, e := strconv.Atoi(os.Getenv(reportEnv))
	if e != nil {
		return
	}
	os.Unsetenv(reportEnv)
	f := os.NewFile(uintptr(fd), "report")
	defer f.Close()
	text := "ok"
	if err != nil {
		text = err.Error()
	}
	_, _ = f.WriteString(text) // nobody may be there to listen
}

// writePID writes this process's id to a file that stays locked, so that a second
// daemon finds out. release removes it.
func writePID(path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, os.NewSyscallError("flock", err)
		}
		pid, _ := io.ReadAll(io.LimitReader(f, 32))
		return nil, fmt.Errorf("%s: already running, process %s", path, strings.TrimSpace(string(pid)))
	}
	if err = f.Truncate(0); err == nil {
		_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		os.Remove(path)
		f.Close()
	}, nil
}
