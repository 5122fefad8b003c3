// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"

	"github.com/accelio/accelio-go/xio"
)

// MisplacesAligned says that this program runs on a libxio that hands over small
// data of C peers of R-AIO wrongly. They have the option on that pads such data,
// and libxio looks for it where its own option says, which package xio cannot set.
// The embedded engine looks where it is.
func MisplacesAligned() bool {
	e := xio.Engine()
	return e.Provider == "libxio" && !strings.HasSuffix(e.Version, "-go")
}
