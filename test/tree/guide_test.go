// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the guide's code takes for granted.
const guidePrelude = `package guide

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

var (
	uri       string
	data      []byte
	replicas  []string
	file      io.Reader
	conn      *xio.Connection
	srv       *xio.Server
	handler   xio.Handler
	lookUp    func(context.Context, []byte) ([]byte, error)
	use       func([]byte) error
	again     func(error) error
	reconnect func(error) error
	serve     func(*xio.Connection)

	_ = errors.Is
	_ = log.Print
	_ = signal.Notify
	_ = os.Interrupt
	_ = time.Second
	_ = pool.Default
)
`

// The guide's code compiles, and is formatted.
func TestGuideCompiles(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(text(t, "docs/guide.md"), -1)
	require.Greater(t, len(blocks), 5)
	var b strings.Builder
	b.WriteString(guidePrelude)
	for i, block := range blocks {
		body := strings.ReplaceAll(strings.TrimRight(block[1], "\n"), "\n", "\n\t")
		fmt.Fprintf(&b, "\nfunc block%d(ctx context.Context) error {\n\t%s\n\treturn nil\n}\n", i, body)
	}
	source := filepath.Join(t.TempDir(), "guide.go")
	require.NoError(t, os.WriteFile(source, []byte(strings.ReplaceAll(b.String(), "\n\t\n", "\n\n")), 0o600))
	out, err := exec.Command("go", "build", "-o", os.DevNull, source).CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, b.String())
	out, err = exec.Command("gofmt", "-d", source).CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(out))
}
