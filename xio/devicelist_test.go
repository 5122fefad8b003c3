// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// attribute is one of netlink's, padded.
func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, -len(b)&3)...)
}

func number(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// answer is a message of netlink.
func answer(kind, flags uint16, parts ...[]byte) []byte {
	data := slices.Concat(parts...)
	b := binary.NativeEndian.AppendUint32(nil, uint32(16+len(data)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	return slices.Concat(b, make([]byte, 8), data)
}

func TestReadDevices(t *testing.T) {
	rxe := answer(nldevGet, 2, attribute(nldevIndex, number(7)), attribute(5, make([]byte, 3)), attribute(nldevName, []byte("rxe0\x00")))
	mlx := answer(nldevGet, 2, attribute(nldevName, []byte("mlx5_0\x00")), attribute(0x8000|nldevIndex, number(0)))
	done := answer(syscall.NLMSG_DONE, 2, number(0))
	refused := int32(syscall.EPERM)
	for _, tc := range []struct {
		what string
		in   []byte
		want map[uint32]string
		done bool
		err  error
	}{
		{"two and the end", slices.Concat(rxe, mlx, done), map[uint32]string{7: "rxe0", 0: "mlx5_0"}, true, nil},
		{"one, and more to come", rxe, map[uint32]string{7: "rxe0"}, false, nil},
		{"none", done, nil, true, nil},
		{"of another kind", slices.Concat(answer(1<<10, 0), rxe), map[uint32]string{7: "rxe0"}, false, nil},
		{"nothing", nil, nil, false, syscall.EBADMSG},
		{"refused", answer(syscall.NLMSG_ERROR, 0, number(uint32(-refused)), make([]byte, 16)), nil, false, syscall.EPERM},
		{"refused without a reason", answer(syscall.NLMSG_ERROR, 0), nil, false, syscall.EBADMSG},
		{"changed meanwhile", slices.Concat(answer(nldevGet, nlmDumpBroken, attribute(nldevIndex, number(7)), attribute(nldevName, []byte("rxe0"))), done), nil, false, syscall.EAGAIN},
		{"without a name", answer(nldevGet, 0, attribute(nldevIndex, number(7))), nil, false, syscall.EBADMSG},
		{"without a number", answer(nldevGet, 0, attribute(nldevName, []byte("rxe0"))), nil, false, syscall.EBADMSG},
		{"a short number", answer(nldevGet, 0, attribute(nldevIndex, []byte{1, 2}), attribute(nldevName, []byte("rxe0"))), nil, false, syscall.EBADMSG},
		{"an attribute of no length", answer(nldevGet, 0, make([]byte, 4)), nil, false, syscall.EBADMSG},
		{"an attribute past the end", answer(nldevGet, 0, attribute(nldevIndex, number(7)), []byte{200, 0, 2, 0}), nil, false, syscall.EBADMSG},
		{"a message past the end", rxe[:len(rxe)-4], nil, false, syscall.EINVAL},
	} {
		t.Run(tc.what, func(t *testing.T) {
			list := map[uint32]string{}
			done, err := readDevices(list, tc.in)
			assert.Equal(t, tc.err, err)
			assert.Equal(t, tc.done, done)
			assert.Equal(t, len(tc.want), len(list))
			for n, name := range tc.want {
				assert.Equal(t, name, list[n])
			}
		})
	}
}

// The kernel of this machine tells the devices that its files tell of, or says that it
// knows nothing of RDMA.
func TestKernelDevices(t *testing.T) {
	list, err := kernelDevices()
	if _, is := os.Stat("/sys/class/infiniband"); is != nil {
		t.Log("no RDMA:", err)
		assert.Empty(t, list)
		return
	}
	require.NoError(t, err)
	names := slices.Sorted(maps.Values(list))
	var files []string
	entries, err := os.ReadDir("/sys/class/infiniband")
	require.NoError(t, err)
	for _, e := range entries {
		files = append(files, e.Name())
	}
	slices.Sort(files)
	assert.Equal(t, files, names)
	if overRDMA() {
		assert.NotEmpty(t, names)
	}
}

// A device that the kernel has taken off its list has gone, whatever its files say, and a
// kernel that does not answer says nothing.
func TestDeviceLeavesList(t *testing.T) {
	lo, netdev := loopback(t)
	root := sysfs(t, map[string]string{
		"infiniband_verbs/uverbs0/ibdev":            "rxe0",
		"infiniband/rxe0/ports/1/gid_attrs/ndevs/0": netdev,
	})
	list, refused := map[uint32]string{3: "rxe0"}, error(nil)
	table := deviceTable{sys: root, list: func() (map[uint32]string, error) { return list, refused }}
	table.learn(lo)
	assert.Empty(t, table.lost(lo))
	list[3] = "renamed"
	assert.Empty(t, table.lost(lo), "it is still the same")
	delete(list, 3)
	list[4] = "rxe0"
	refused = syscall.EPROTONOSUPPORT
	assert.Empty(t, table.lost(lo))
	refused = nil
	assert.Equal(t, "rxe0", table.lost(lo), "another of its name is in its place")
	assert.True(t, table.none())

	_, err := os.Stat(filepath.Join(root, "infiniband_verbs/uverbs0/ibdev"))
	assert.NoError(t, err, "its files are still there")
}

// Devices that the kernel did not number at first are watched by their files alone: they
// may be in another namespace.
func TestDeviceNotOnList(t *testing.T) {
	lo, _ := loopback(t)
	root := sysfs(t, map[string]string{"infiniband_verbs/uverbs0/ibdev": "rxe0"})
	table := deviceTable{sys: root, list: func() (map[uint32]string, error) { return map[uint32]string{}, nil }}
	table.learn(lo)
	assert.Empty(t, table.lost(lo))
	require.NoError(t, os.RemoveAll(filepath.Join(root, "infiniband_verbs/uverbs0")))
	assert.Equal(t, "rxe0", table.lost(lo))
}
