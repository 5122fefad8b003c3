// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// MonMap says which monitors a cluster has. It is not changed after it was decoded.
//
// Implements: MonMap
type MonMap struct {
	FSID               UUID
	Epoch              uint32
	LastChanged        time.Time
	Created            time.Time
	Mons               []MonInfo // in the order of their ranks, where it is told, or else of their names
	PersistentFeatures uint64
	OptionalFeatures   uint64
	MinRelease         uint8 // 16 is Pacific; 0: not told
}

// MonInfo is one monitor.
//
// Implements: mon_info_t
type MonInfo struct {
	Name     string
	Addrs    messenger.AddrVec
	Priority uint16
	Weight   uint16
	Location map[string]string // where it is: "datacenter" → "x"
}

// Versions of the map's form, and from which on it has what.
const (
	monMapKnown      = 9
	monMapFeatures   = 4
	monMapInfos      = 5
	monMapOnlyInfos  = 6
	monMapMinRelease = 7
	monInfoKnown     = 5
)

// DecodeMonMap reads a map in any of the forms that monitors send. It fails with a
// [messenger.DecodeError].
func DecodeMonMap(b []byte) (*MonMap, error) {
	d := messenger.NewDecoder(b)
	m := &MonMap{}
	// The oldest form has a version of 16 bits, all others two of 8 bits.
	if len(b) > 1 && b[1] == 0 {
		m.decodeOldest(d)
	} else {
		d.Struct(monMapKnown, func(version uint8) { m.decode(d, version) })
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *MonMap) decodeOldest(d *messenger.Decoder) {
	const leastItem = 9 + messenger.LegacyAddrLen
	if v := d.Uint16(); v != 1 {
		d.Fail(messenger.ErrValue, fmt.Sprintf("monitor map of version %d", v))
	}
	m.FSID.decode(d)
	m.Epoch = d.Uint32()
	for i := range d.Count(leastItem) {
		var inst messenger.EntityInst
		inst.DecodeLegacy(d)
		// The form has no names; the monitors that used it had these.
		m.Mons = append(m.Mons, MonInfo{Name: fmt.Sprintf("noname-%c", 'a'+i%26), Addrs: messenger.AddrVec{inst.Addr}})
	}
	m.LastChanged, m.Created = d.Time(), d.Time()
}

func (m *MonMap) decode(d *messenger.Decoder, version uint8) {
	m.FSID.decode(d)
	m.Epoch = d.Uint32()
	if version < monMapOnlyInfos {
		const leastItem = 4 + 8
		for range d.Count(leastItem) {
			info := MonInfo{Name: d.String()}
			var a messenger.EntityAddr
			a.Decode(d)
			info.Addrs = messenger.AddrVec{a}
			m.Mons = append(m.Mons, info)
		}
	}
	m.LastChanged, m.Created = d.Time(), d.Time()
	if version >= monMapFeatures {
		m.PersistentFeatures, m.OptionalFeatures = decodeFeatureSet(d), decodeFeatureSet(d)
	}
	if version >= monMapInfos {
		const leastItem = 4 + 6
		m.Mons = nil
		for range d.Count(leastItem) {
			d.Blob() // the name is in the info as well
			m.Mons = append(m.Mons, decodeMonInfo(d))
		}
	}
	if version >= monMapOnlyInfos {
		m.rank(d.Strings())
	}
	if version >= monMapMinRelease {
		m.MinRelease = d.Uint8()
	}
}

// rank puts the monitors into the order of their names in ranks.
func (m *MonMap) rank(ranks []string) {
	at := make(map[string]int, len(ranks))
	for i, name := range ranks {
		at[name] = i
	}
	slices.SortStableFunc(m.Mons, func(a, b MonInfo) int { return at[a.Name] - at[b.Name] })
}

func decodeFeatureSet(d *messenger.Decoder) (f uint64) {
	d.Struct(1, func(uint8) { f = d.Uint64() })
	return f
}

func decodeMonInfo(d *messenger.Decoder) (i MonInfo) {
	d.Struct(monInfoKnown, func(version uint8) {
		i.Name = d.String()
		i.Addrs.Decode(d)
		if version >= 2 {
			i.Priority = d.Uint16()
		}
		if version >= 4 {
			i.Weight = d.Uint16()
		}
		if version >= 5 {
			const leastItem = 4 + 4
			n := d.Count(leastItem)
			i.Location = make(map[string]string, n)
			for range n {
				key := d.String()
				i.Location[key] = d.String()
			}
		}
	})
	return i
}

// Addrs are all addresses of all monitors of a type.
func (m *MonMap) Addrs(t messenger.AddrType) []messenger.EntityAddr {
	var out []messenger.EntityAddr
	for _, mon := range m.Mons {
		for _, a := range mon.Addrs {
			if a.Type == t {
				out = append(out, a)
			}
		}
	}
	return out
}

// String is the map in one line.
func (m *MonMap) String() string {
	mons := make([]string, len(m.Mons))
	for i, mon := range m.Mons {
		mons[i] = mon.Name + "=" + mon.Addrs.String()
	}
	return fmt.Sprintf("e%d: %d mons at {%s}", m.Epoch, len(mons), strings.Join(mons, ","))
}
