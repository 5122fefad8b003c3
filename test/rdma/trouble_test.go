// SPDX-License-Identifier: Apache-2.0

package rdma

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// poorEnv makes this program one that may lock little memory, and names a server
// that may lock more.
const poorEnv = "XIO_RDMA_POOR"

// poor tries what registers memory, and says what came of it. Exit code 0: it fails,
// with typed errors that have the remedy in their text.
func poor() int {
	limit := unix.Rlimit{Cur: 64 << 10, Max: 64 << 10}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		fmt.Println(err)
		return 1
	}
	code := 0
	report := func(what string, typed bool, err error) {
		fmt.Printf("%s: %v\n", what, err)
		if err == nil || !typed || !strings.Contains(err.Error(), "ulimit -l") {
			fmt.Println("that is not what was wanted")
			code = 1
		}
	}
	p, err := pool.New(pool.Config{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer p.Close()
	_, err = p.TryGet(8 << 20)
	report("a buffer", errors.Is(err, pool.ErrNoMemory), err)
	_, err = (&xio.Dialer{Timeout: 5 * time.Second}).Dial(context.Background(), os.Getenv(poorEnv))
	var e *xio.Error
	report("a connection", errors.As(err, &e), err)
	return code
}

// A limit of locked memory that is too low is told with its remedy.
func TestLockedMemory(t *testing.T) {
	needsRDMA(t)
	if os.Getuid() != 0 {
		t.Skip("not run: needs root, to become another user")
	}
	s, err := xio.Listen(anywhere, echo)
	require.NoError(t, err)
	defer s.Close()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(testContext(t), exe)
	cmd.Env = append(os.Environ(), poorEnv+"="+s.URI())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
}
