//go:build !cgo

package cgo

// The build stops here on purpose, with the cure in the message.
const _ int = "accelio-go needs cgo: install a C compiler (gcc or clang) and build with CGO_ENABLED=1"
