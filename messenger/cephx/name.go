// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"strings"

	"github.com/accelio/accelio-go/messenger"
)

// EntityName is who somebody is to authentication: a type and a text, such as
// client.admin. It is not the numbered name that messages carry.
//
// Implements:
//
//	struct EntityName
type EntityName struct {
	Type messenger.EntityType
	ID   string
}

// ParseEntityName reads "type.id". Its error matches [ErrMalformed].
func ParseEntityName(s string) (EntityName, error) {
	kind, id, _ := strings.Cut(s, ".")
	t, err := messenger.ParseEntityType(kind)
	if err != nil || len(kind) == len(s) {
		return EntityName{}, &Error{Op: "name " + s, Reason: ErrMalformed, Err: err}
	}
	return EntityName{t, id}, nil
}

// String gives "type.id".
func (n EntityName) String() string { return n.Type.String() + "." + n.ID }

func (n EntityName) encode(e *messenger.Encoder) {
	e.Uint32(uint32(n.Type))
	e.String(n.ID)
}

func decodeName(d *messenger.Decoder) EntityName {
	return EntityName{messenger.EntityType(d.Uint32()), d.String()}
}
