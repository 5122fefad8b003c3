//go:build cgo && !libxio

package cgo

/*
#cgo CFLAGS: -DXG_EMBEDDED -I${SRCDIR}/../../accelio
*/
import "C"

// The embedded engine's objects come from this package; see provider.h.
import _ "github.com/accelio/accelio-go/accelio"

// Embedded says that the engine is compiled into the program.
const Embedded = true
