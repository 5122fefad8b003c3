// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/accelio/accelio-go/messenger"
)

// UUID identifies a cluster.
type UUID [16]byte

// ParseUUID reads the text form, with or without hyphens.
func ParseUUID(s string) (u UUID, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != len(u) {
		return u, fmt.Errorf("monc: %q is no UUID", s)
	}
	return UUID(b), nil
}

// String is the text form, in five groups.
func (u UUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func (u *UUID) decode(d *messenger.Decoder) {
	copy(u[:], d.Raw(len(u)))
}
