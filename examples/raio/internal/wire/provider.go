// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"

	"github.com/accelio/accelio-go/xio"
)

// MisplacesAligned says that this program runs on a libxio that hands over small
// data of C peers of R-AIO wrongly, if the connection has two TCP streams. They have
// the option on that pads such data; libxio stores it without the pad and looks for it
// behind one. C pairs have that fault between themselves. The embedded engine looks
// where it is.
func MisplacesAligned() bool {
	e := xio.Engine()
	return e.Provider == "libxio" && !strings.HasSuffix(e.Version, "-go")
}
