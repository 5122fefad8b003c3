package cgo

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHandles(t *testing.T) {
	before := Handles()
	a, b := Save("a"), Save("b")
	assert.Equal(t, before+2, Handles())
	assert.Equal(t, "a", Restore(a))
	assert.Equal(t, "b", Restore(b))
	Unref(a)
	assert.Nil(t, Restore(a))
	assert.Equal(t, "b", Restore(b))
	Unref(b)
	assert.Equal(t, before, Handles())
	assert.Nil(t, Restore(nil))
}

func TestMemory(t *testing.T) {
	require.Zero(t, Started())
	for _, n := range []int{1, 4096, 1 << 20} {
		m, rc := AllocMemory(n)
		require.Zero(t, rc)
		b := m.Bytes()
		require.Len(t, b, n)
		for i, x := range b {
			if x != 0 {
				t.Fatalf("byte %d is not zero", i)
			}
			b[i] = 1
		}
		m.Free()
	}
	_, rc := AllocMemory(0)
	assert.NotZero(t, rc)
}

func TestContextTurns(t *testing.T) {
	require.Zero(t, Started())
	c, rc := NewContext(Limits{})
	require.Zero(t, rc)
	defer c.Free()
	quiet := func() {
		for range 100 {
			if _, again := c.Turn(0, 0); !again {
				return
			}
		}
		t.Fatal("never quiet")
	}
	quiet()
	c.Wake()
	c.Wake()
	events, again := c.Turn(0, 0)
	assert.Zero(t, events)
	_ = again
	quiet()
	assert.False(t, c.Poisoned())
	assert.Zero(t, c.ReceiveBytes())
}

func TestErrorsComeBackWithTheCall(t *testing.T) {
	require.Zero(t, Started())
	c, rc := NewContext(Limits{})
	require.Zero(t, rc)
	defer c.Free()
	for _, uri := range []string{"", "nonsense", "tcp://", "tcp://127.0.0.1"} {
		s, _, rc := c.Listen(&Listen{URI: uri})
		assert.Nil(t, s, uri)
		assert.NotZero(t, rc, uri)
		assert.NotEmpty(t, StatusText(rc))
	}
	ses, rc := OpenSession(&NewSession{URI: "tcp://" + strings.Repeat("x", 5000)})
	assert.Nil(t, ses)
	assert.NotZero(t, rc, "URI longer than libxio's buffer")
	ses, rc = OpenSession(&NewSession{URI: "nonsense"})
	require.Zero(t, rc)
	conn, rc := c.Connect(&Connect{Session: ses, Depth: 1, TOS: -1})
	assert.Nil(t, conn)
	assert.NotZero(t, rc)
	ses.Drop()
}

// Without cgo the build stops with the cure in its message.
func TestWithoutCgo(t *testing.T) {
	cmd := exec.Command("go", "build", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "CGO_ENABLED=1")
	assert.Contains(t, string(out), "install a C compiler")
	assert.Equal(t, 1, strings.Count(string(out), "nocgo.go:"), "one clear error:\n%s", out)
}
