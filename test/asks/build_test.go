// SPDX-License-Identifier: Apache-2.0

package asks

import (
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

// foreign are words in the names of what the users had to install.
var foreign = []string{"ibverbs", "rdma", "infiniband", "mlx", "numa", "xio.", "ucp", "ucs"}

// The users cannot build without OFED, the headers of numactl, or an older kernel: a C
// compiler is all it takes. https://github.com/accelio/accelio/issues/55 and
// https://github.com/accelio/JXIO/issues/13
func TestAccelio55_BuildsWithACCompilerOnly(t *testing.T) {
	if !embedded() {
		t.Skip("an installed libxio brings its own needs along")
	}
	f, err := elf.Open("/proc/self/exe")
	require.NoError(t, err)
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	require.NoError(t, err)
	for _, l := range libraries {
		requireOurs(t, l)
	}

	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command: the sources are not looked at")
	}
	out := run(t, goTool, "list", "-deps", "-json=Dir,Standard,CgoFiles,CFiles,HFiles,CgoPkgConfig,CgoLDFLAGS", "../../xio", "../../pool")
	engine := 0
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var p struct {
			Dir                                                string
			Standard                                           bool
			CgoFiles, CFiles, HFiles, CgoPkgConfig, CgoLDFLAGS []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		if p.Standard || len(p.CgoFiles) == 0 {
			continue
		}
		assert.Empty(t, p.CgoPkgConfig, "%s asks pkg-config", p.Dir)
		for _, l := range p.CgoLDFLAGS {
			requireOurs(t, l)
		}
		if len(p.CFiles) == 0 {
			continue
		}
		engine += len(p.CFiles)
		args := []string{"-M", "-D_GNU_SOURCE", "-DXG_EMBEDDED", "-I../../accelio", "-I../../xio/cgo"}
		for _, c := range p.CFiles {
			args = append(args, filepath.Join(p.Dir, c))
		}
		for header := range strings.FieldsSeq(run(t, compiler(t), args...)) {
			if strings.HasPrefix(header, "/usr") {
				requireOurs(t, header)
			}
		}
	}
	require.Greater(t, engine, 20, "the engine was looked at")
}

func requireOurs(t *testing.T, name string) {
	t.Helper()
	for _, f := range foreign {
		require.NotContains(t, filepath.Base(name), f, name)
		require.NotContains(t, filepath.Base(filepath.Dir(name)), f, name)
	}
}

func compiler(t *testing.T) string {
	for _, name := range []string{os.Getenv("CC"), "gcc", "clang", "cc"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no C compiler: the sources are not looked at")
	return ""
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %v: %s", program, args, stderr.String())
	return string(out)
}

// The users of RDMA libraries from Go ask what is supported and how to tell: a program
// says what it runs on. https://github.com/openucx/ucx/issues/7759 and
// https://github.com/openucx/ucx/issues/6960
func TestUCX7759_ProgramSaysWhatItRunsOn(t *testing.T) {
	e := xio.Engine()
	require.Contains(t, e.Version, "1.7")
	require.Contains(t, e.String(), e.Version)
	require.Contains(t, e.String(), e.Provider)
	if e.Provider == "embedded" {
		require.Equal(t, "compiled in", e.Linkage)
		return
	}
	require.Equal(t, "libxio", e.Provider)
	require.FileExists(t, e.Linkage)
}

// The user builds with the library and finds that RDMA is not there only by strange
// failures: it is said. https://github.com/openucx/ucx/issues/10722
func TestUCX10722_MissingRDMAIsSaid(t *testing.T) {
	if !embedded() {
		t.Skip("an installed libxio may have RDMA")
	}
	leakCheck(t)
	_, err := xio.Dial(testContext(t), "rdma://127.0.0.1:1")
	require.ErrorContains(t, err, "protocol not available")
	_, err = xio.Listen("rdma://127.0.0.1:0", echo)
	require.ErrorContains(t, err, "protocol not available")
}
