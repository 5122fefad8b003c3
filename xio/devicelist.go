// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"encoding/binary"
	"strings"
	"syscall"
)

// What is asked of the kernel, by <rdma/rdma_netlink.h>.
const (
	netlinkRDMA   = 20        // NETLINK_RDMA
	nldevGet      = 5<<10 | 1 // RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_GET)
	nldevIndex    = 1         // RDMA_NLDEV_ATTR_DEV_INDEX
	nldevName     = 2         // RDMA_NLDEV_ATTR_DEV_NAME
	nlaTypeMask   = 1<<14 - 1 // NLA_TYPE_MASK
	nlmDumpBroken = 0x10      // NLM_F_DUMP_INTR
	listReceive   = 16 << 10  // bytes; more than the kernel sends at a time, or it is an error
	nlaAlign      = syscall.NLA_ALIGNTO - 1
)

// kernelDevices lists the RDMA devices that programs can use, by the kernel's number,
// which no other device gets in place of one that has gone. A device leaves this list
// first, and its files go some milliseconds later. It waits for no answer that is not
// there at once.
func kernelDevices() (map[uint32]string, error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkRDMA)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	ask := make([]byte, syscall.NLMSG_HDRLEN)
	binary.NativeEndian.PutUint32(ask[0:], uint32(len(ask)))
	binary.NativeEndian.PutUint16(ask[4:], nldevGet)
	binary.NativeEndian.PutUint16(ask[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_DUMP)
	if err := syscall.Sendto(fd, ask, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return nil, err
	}
	list := map[uint32]string{}
	b := make([]byte, listReceive)
	for {
		// Each part is there when the one before has been taken.
		n, _, flags, _, err := syscall.Recvmsg(fd, b, nil, syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return nil, err
		case flags&syscall.MSG_TRUNC != 0:
			return nil, syscall.EMSGSIZE
		}
		if done, err := readDevices(list, b[:n]); done || err != nil {
			return list, err
		}
	}
}

// readDevices adds the devices of a part of the kernel's answer, and says whether it was
// the last one.
func readDevices(list map[uint32]string, b []byte) (done bool, err error) {
	msgs, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return false, err
	}
	if len(msgs) == 0 {
		return false, syscall.EBADMSG
	}
	for _, m := range msgs {
		switch {
		case m.Header.Flags&nlmDumpBroken != 0:
			return false, syscall.EAGAIN
		case m.Header.Type == syscall.NLMSG_DONE:
			return true, nil
		case m.Header.Type == syscall.NLMSG_ERROR:
			if len(m.Data) < 4 {
				return false, syscall.EBADMSG
			}
			return false, syscall.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
		case m.Header.Type != nldevGet:
			continue
		}
		i, name, ok := deviceOf(m.Data)
		if !ok {
			return false, syscall.EBADMSG
		}
		list[i] = name
	}
	return false, nil
}

// deviceOf finds the number and the name among a device's attributes.
func deviceOf(b []byte) (index uint32, name string, ok bool) {
	for len(b) >= syscall.NLA_HDRLEN {
		n := int(binary.NativeEndian.Uint16(b))
		if n < syscall.NLA_HDRLEN || n > len(b) {
			return 0, "", false
		}
		v := b[syscall.NLA_HDRLEN:n]
		switch binary.NativeEndian.Uint16(b[2:]) & nlaTypeMask {
		case nldevIndex:
			if len(v) != 4 {
				return 0, "", false
			}
			index, ok = binary.NativeEndian.Uint32(v), true
		case nldevName:
			name = strings.TrimRight(string(v), "\x00")
		}
		b = b[min((n+nlaAlign)&^nlaAlign, len(b)):]
	}
	return index, name, ok && name != ""
}
