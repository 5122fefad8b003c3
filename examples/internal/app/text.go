// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"strings"
)

// Text is the beginning of what a peer sent, as far as it can be shown.
func Text(b []byte) string {
	b, _, _ = bytes.Cut(b[:min(len(b), 64)], []byte{0})
	return strings.ToValidUTF8(string(b), "?")
}

// Filled is n bytes that begin with text, cut or filled up with zeros.
func Filled(text string, n int) []byte {
	b := make([]byte, n)
	copy(b, text)
	return b
}
