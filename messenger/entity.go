// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"fmt"
	"strconv"
	"strings"
)

// EntityType says what kind of daemon or client an entity is.
//
// Implements: CEPH_ENTITY_TYPE_*
type EntityType uint32

// Entity types.
const (
	EntityMon    EntityType = 1
	EntityMDS    EntityType = 2
	EntityOSD    EntityType = 4
	EntityClient EntityType = 8
	EntityMgr    EntityType = 16
	EntityAuth   EntityType = 32
	EntityAny    EntityType = 255
)

var entityNames = map[EntityType]string{
	EntityMon:    "mon",
	EntityMDS:    "mds",
	EntityOSD:    "osd",
	EntityClient: "client",
	EntityMgr:    "mgr",
	EntityAuth:   "auth",
	EntityAny:    "any",
}

// String is the type's name as it appears in entity names.
func (t EntityType) String() string {
	if s, ok := entityNames[t]; ok {
		return s
	}
	return "type" + strconv.FormatUint(uint64(t), 10)
}

// ParseEntityType is the type of a name such as "osd".
func ParseEntityType(s string) (EntityType, error) {
	for t, name := range entityNames {
		if name == s {
			return t, nil
		}
	}
	return 0, fmt.Errorf("messenger: %q is no entity type", s)
}

// UnknownNum is the number of an entity that has not been given one yet.
const UnknownNum = -1

// EntityName names an entity: its type and its number within the type.
//
// Implements: entity_name_t
type EntityName struct {
	Type EntityType // travels as 8 bits
	Num  int64
}

// String is the text form, "osd.3", with "?" for an unknown number.
func (n EntityName) String() string {
	if n.Num == UnknownNum {
		return n.Type.String() + ".?"
	}
	return n.Type.String() + "." + strconv.FormatInt(n.Num, 10)
}

// ParseEntityName reads the text form.
func ParseEntityName(s string) (EntityName, error) {
	kind, num, ok := strings.Cut(s, ".")
	if !ok {
		return EntityName{}, fmt.Errorf("messenger: %q is no entity name", s)
	}
	t, err := ParseEntityType(kind)
	if err != nil {
		return EntityName{}, err
	}
	if num == "?" {
		return EntityName{t, UnknownNum}, nil
	}
	n, err := strconv.ParseInt(num, 10, 64)
	if err != nil {
		return EntityName{}, fmt.Errorf("messenger: %q is no entity name", s)
	}
	return EntityName{t, n}, nil
}

// Encode appends the name.
func (n EntityName) Encode(e *Encoder) {
	e.Uint8(uint8(n.Type))
	e.Int64(n.Num)
}

// Decode reads a name.
func (n *EntityName) Decode(d *Decoder) {
	n.Type = EntityType(d.Uint8())
	n.Num = d.Int64()
}

// EntityInst is one incarnation of an entity: its name and where it is.
//
// Implements: entity_inst_t
type EntityInst struct {
	Name EntityName
	Addr EntityAddr
}

// String is name and address.
func (i EntityInst) String() string { return i.Name.String() + " " + i.Addr.String() }

// EncodeLegacy appends name and address in the oldest form, 145 bytes.
func (i EntityInst) EncodeLegacy(e *Encoder) {
	i.Name.Encode(e)
	i.Addr.EncodeLegacy(e)
}

// DecodeLegacy reads the oldest form.
func (i *EntityInst) DecodeLegacy(d *Decoder) {
	i.Name.Decode(d)
	i.Addr.DecodeLegacy(d)
}
