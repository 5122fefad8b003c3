// SPDX-License-Identifier: Apache-2.0

package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/xio"
)

// role says what this process is: nothing yet, the tests inside a namespace of
// their own, or the peer of one test.
var role = os.Getenv(roleEnv)

const (
	roleEnv  = "XIO_NETNS_ROLE"
	whyEnv   = "XIO_NETNS_WHY" // why the tests are to be skipped
	roleTest = "test"
	rolePeer = "peer"
)

// keepalive is that of both sides. A dead peer is to be noticed after a second
// and three probes, a second each.
var keepalive = xio.Keepalive{Time: time.Second, Interval: time.Second, Probes: 3}

// noticed is when at the latest, on a machine that has nothing else to do.
const noticed = 4 * time.Second

// patience bounds every wait; a test that reaches it has failed.
const patience = time.Minute

func TestMain(m *testing.M) {
	if role == "" {
		os.Exit(inNamespace())
	}
	if err := xio.Init(xio.LibraryOptions{Keepalive: keepalive}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if role == rolePeer {
		if err := servePeer(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "peer:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	fmt.Println("engine:", xio.Engine())
	goleak.VerifyTestMain(watched{m})
}

// inNamespace runs this program once more in a namespace of its own: a process
// cannot change to another one, only some of its threads can.
func inNamespace() int {
	code := exitStill
	for n := 1; code == exitStill && n <= attempts; n++ {
		if n > 1 {
			fmt.Println("once more")
		}
		code = runTests()
	}
	return code
}

func runTests() int {
	prepare := func(cmd *exec.Cmd) {
		// The tests mostly wait, each on a network of its own.
		cmd.Args = append([]string{os.Args[0], "-test.parallel=16"}, os.Args[1:]...)
		cmd.Env = append(os.Environ(), roleEnv+"="+roleTest)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	}
	cmd, err := startInNamespace(prepare)
	if err != nil {
		cmd = command()
		prepare(cmd)
		cmd.Env = append(cmd.Env, whyEnv+"="+err.Error())
		err = cmd.Start()
	}
	if err == nil {
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return max(exit.ExitCode(), 1)
	case err != nil:
		fmt.Println(err)
		return 1
	}
	return 0
}

func command() *exec.Cmd { return exec.Command("/proc/self/exe") }

// startInNamespace starts this program in a new network namespace, with a new
// user namespace too where only that is permitted.
func startInNamespace(prepare func(*exec.Cmd)) (*exec.Cmd, error) {
	try := func(attr *syscall.SysProcAttr) (*exec.Cmd, error) {
		cmd := command()
		cmd.SysProcAttr = attr
		prepare(cmd)
		return cmd, cmd.Start()
	}
	cmd, err := try(&syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL})
	if err == nil || !errors.Is(err, syscall.EPERM) {
		return cmd, err
	}
	cmd, err = try(&syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	})
	if err != nil {
		return nil, fmt.Errorf("network namespaces are not permitted: %w", err)
	}
	return cmd, nil
}

// needsNamespaces skips a test where there are none.
func needsNamespaces(t *testing.T) {
	t.Helper()
	if why := os.Getenv(whyEnv); why != "" {
		t.Skip("not run: " + why)
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("not run: there is no ip command (package iproute2)")
	}
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
	}
}
