//go:build cgo && libxio

package cgo

/*
#cgo LDFLAGS: -lxio
*/
import "C"

// Embedded says that the engine is compiled into the program.
const Embedded = false
