// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// device is an RDMA device of this machine by its name, the kernel's number of it, if it
// tells, and the file that names it in its half for programs, which ends with the device
// even while programs keep the rest.
type device struct {
	name     string
	numbered bool
	number   uint32
	file     string
	ino      uint64
}

// deviceTable remembers which device an address of this machine belongs to, and which
// devices have gone: for good, because libxio looks for devices once.
type deviceTable struct {
	sys  string                            // where the kernel tells of them
	list func() (map[uint32]string, error) // and whom it has now; nil: nobody knows

	mu   sync.Mutex
	gone map[device]bool // those there were at first, and whether they have gone
	at   map[netip.Addr]device
}

var rdmaDevices = &deviceTable{sys: "/sys/class", list: kernelDevices}

// learn finds the device of an address, while there is one. It reads many files.
func (t *deviceTable) learn(a netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin()
	if _, ok := t.at[a]; !ok {
		t.at[a] = t.find(a)
	}
}

// lost is the name of the device of an address, if that has gone; otherwise nothing.
func (t *deviceTable) lost(a netip.Addr) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d, ok := t.at[a]; ok && t.look(d) {
		return d.name
	}
	return ""
}

// none says that all devices have gone.
func (t *deviceTable) none() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin()
	for d := range t.gone {
		if !t.look(d) {
			return false
		}
	}
	return len(t.gone) > 0
}

// begin takes note of the devices there are, once.
func (t *deviceTable) begin() {
	if t.gone != nil {
		return
	}
	t.gone, t.at = map[device]bool{}, map[netip.Addr]device{}
	numbers := map[string]uint32{}
	for number, name := range t.now() {
		numbers[name] = number
	}
	list, _ := os.ReadDir(filepath.Join(t.sys, "infiniband_verbs"))
	for _, e := range list {
		file := filepath.Join(t.sys, "infiniband_verbs", e.Name(), "ibdev")
		var st syscall.Stat_t
		if name, err := os.ReadFile(file); err == nil && syscall.Stat(file, &st) == nil {
			d := device{name: strings.TrimSpace(string(name)), file: file, ino: st.Ino}
			d.number, d.numbered = numbers[d.name]
			t.gone[d] = false
		}
	}
}

// now is the kernel's list, or nil.
func (t *deviceTable) now() map[uint32]string {
	if t.list == nil {
		return nil
	}
	list, err := t.list()
	if err != nil {
		return nil
	}
	return list
}

// look says whether the device has gone, if that is sure. Another may have its place by
// now, even one of its name.
func (t *deviceTable) look(d device) bool {
	if d.name == "" || t.gone[d] {
		return d.name != ""
	}
	var st syscall.Stat_t
	err := syscall.Stat(d.file, &st)
	gone := err == syscall.ENOENT || err == syscall.ENOTDIR || err == nil && st.Ino != d.ino
	if !gone && d.numbered {
		list := t.now()
		_, is := list[d.number]
		gone = list != nil && !is
	}
	if gone {
		t.gone[d] = true
	}
	return gone
}

// find is the device whose network device has the address, or, where the kernel knows
// none, the only one there is. The zero device: it cannot be told.
func (t *deviceTable) find(a netip.Addr) device {
	var only device
	on := interfaceOf(a)
	for d := range t.gone {
		if on != "" && t.belongs(d, on) {
			return d
		}
		only = d
	}
	if len(t.gone) != 1 {
		return device{}
	}
	return only
}

// belongs says whether a network device is one of the RDMA device's: of one of its
// ports for RoCE, of the same adapter for InfiniBand.
func (t *deviceTable) belongs(d device, netdev string) bool {
	base := filepath.Join(t.sys, "infiniband", d.name)
	if _, err := os.Lstat(filepath.Join(base, "device/net", netdev)); err == nil {
		return true
	}
	entries, _ := filepath.Glob(filepath.Join(base, "ports/*/gid_attrs/ndevs/*"))
	for _, e := range entries {
		if name, err := os.ReadFile(e); err == nil && strings.TrimSpace(string(name)) == netdev {
			return true
		}
	}
	return false
}

// interfaceOf is the name of the network device that has the address, or nothing.
func interfaceOf(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	list, _ := net.Interfaces()
	for _, i := range list {
		addrs, _ := i.Addrs()
		for _, n := range addrs {
			if p, err := netip.ParsePrefix(n.String()); err == nil && p.Addr() == a {
				return i.Name
			}
		}
	}
	return ""
}
