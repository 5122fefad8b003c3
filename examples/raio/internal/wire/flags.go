// SPDX-License-Identifier: Apache-2.0

package wire

import "golang.org/x/sys/unix"

// Flags of Open on the wire: those of open(2) on x86-64, whatever this machine
// is.
const (
	flagAccess    = 0o3
	flagCreate    = 0o100
	flagExcl      = 0o200
	flagNoctty    = 0o400
	flagTrunc     = 0o1000
	flagNonblock  = 0o4000
	flagDsync     = 0o10000
	flagDirect    = 0o40000
	flagLargefile = 0o100000
	flagNofollow  = 0o400000
	flagNoatime   = 0o1000000
	flagCloexec   = 0o2000000
	flagSync      = 0o4010000

	// What has no meaning for a server: it does these things anyhow.
	flagsIgnored = flagNoctty | flagNonblock | flagLargefile | flagNofollow | flagNoatime | flagCloexec
)

var flagPairs = []struct {
	wire  uint32
	local int
}{
	{flagCreate, unix.O_CREAT},
	{flagExcl, unix.O_EXCL},
	{flagTrunc, unix.O_TRUNC},
	{flagSync, unix.O_SYNC}, // before O_DSYNC, which is a part of it
	{flagDsync, unix.O_DSYNC},
	{flagDirect, unix.O_DIRECT},
}

// LocalFlags are this machine's flags for those of a request. ok is false if
// there are others than the protocol has a use for.
func LocalFlags(w uint32) (local int, ok bool) {
	local = int(w & flagAccess) // the same everywhere
	w &^= flagAccess | flagsIgnored
	for _, p := range flagPairs {
		if w&p.wire == p.wire {
			local |= p.local
			w &^= p.wire
		}
	}
	return local, w == 0 && local&flagAccess != flagAccess
}

// WireFlags are the flags to send for this machine's. ok is false if there are
// others than the protocol has a use for.
func WireFlags(local int) (w uint32, ok bool) {
	w = uint32(local & unix.O_ACCMODE)
	local &^= unix.O_ACCMODE | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_LARGEFILE
	for _, p := range flagPairs {
		if local&p.local == p.local {
			w |= p.wire
			local &^= p.local
		}
	}
	return w, local == 0 && w&flagAccess != flagAccess
}
