// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
)

// KeyringEntry is one entity of a keyring.
type KeyringEntry struct {
	Key  CryptoKey
	Caps map[string]string // what the key is good for, by service: "mon" → "allow r"
}

// Keyring is a set of keys by name. Reading it is safe for concurrent use.
//
// Implements:
//
//	class KeyRing
type Keyring map[EntityName]KeyringEntry

// LoadKeyring reads a keyring file. Its error matches [ErrKeyring], or what the
// system reported.
func LoadKeyring(path string) (Keyring, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &Error{Op: "keyring " + path, Reason: ErrKeyring, Err: err}
	}
	return ParseKeyring(text)
}

// ParseKeyring reads the text of a keyring file: a section for each entity, with a
// key and any number of caps. Lines that start with # or ; are comments. Its error
// matches [ErrKeyring] and names the line.
func ParseKeyring(text []byte) (Keyring, error) {
	k := Keyring{}
	var name EntityName
	var entry *KeyringEntry
	finish := func() error {
		if entry == nil {
			return nil
		}
		if !entry.Key.Valid() {
			return fmt.Errorf("%w: [%v] has no key", ErrNoKey, name)
		}
		if _, ok := k[name]; ok {
			return fmt.Errorf("[%v] is there twice", name)
		}
		k[name] = *entry
		return nil
	}
	bad := func(line int, err error) (Keyring, error) {
		return nil, &Error{Op: "keyring", Reason: ErrKeyring, Err: fmt.Errorf("line %d: %w", line, err)}
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	line := 0
	for lines.Scan() {
		line++
		s := strings.TrimSpace(lines.Text())
		if s == "" || s[0] == '#' || s[0] == ';' {
			continue
		}
		if s[0] == '[' {
			if err := finish(); err != nil {
				return bad(line, err)
			}
			inner, ok := strings.CutSuffix(s[1:], "]")
			if !ok {
				return bad(line, fmt.Errorf("%w: no ]", ErrMalformed))
			}
			var err error
			if name, err = ParseEntityName(strings.TrimSpace(inner)); err != nil {
				return bad(line, err)
			}
			entry = &KeyringEntry{Caps: map[string]string{}}
			continue
		}
		if err := entry.set(s); err != nil {
			return bad(line, err)
		}
	}
	if err := lines.Err(); err != nil {
		return bad(line+1, err)
	}
	if err := finish(); err != nil {
		return bad(line, err)
	}
	return k, nil
}

// set reads one line "name = value" of a section.
func (e *KeyringEntry) set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if e == nil || !ok {
		return fmt.Errorf("%w: not \"name = value\" in a section", ErrMalformed)
	}
	value = strings.TrimSpace(value)
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == '\t' || r == '_' })
	switch {
	case len(words) == 1 && words[0] == "key":
		key, err := ParseKey(value)
		if err != nil {
			return err
		}
		e.Key = key
	case len(words) == 1 && words[0] == "auid": // of old keyrings, without meaning now
	case len(words) == 2 && words[0] == "caps":
		e.Caps[words[1]] = value
	default:
		return fmt.Errorf("%w: no such setting: %q", ErrMalformed, strings.TrimSpace(name))
	}
	return nil
}

// Key is the key of name; its error matches [ErrNoKey].
func (k Keyring) Key(name EntityName) (CryptoKey, error) {
	e, ok := k[name]
	if !ok {
		return CryptoKey{}, fail("keyring: "+name.String(), ErrNoKey)
	}
	return e.Key, nil
}

// Text writes the keyring as a file has it, in the order of the names.
func (k Keyring) Text() []byte {
	names := make([]EntityName, 0, len(k))
	for name := range k {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b EntityName) int { return strings.Compare(a.String(), b.String()) })
	var b bytes.Buffer
	for _, name := range names {
		e := k[name]
		fmt.Fprintf(&b, "[%v]\n\tkey = %s\n", name, e.Key.Text())
		services := make([]string, 0, len(e.Caps))
		for s := range e.Caps {
			services = append(services, s)
		}
		slices.Sort(services)
		for _, s := range services {
			fmt.Fprintf(&b, "\tcaps %s = \"%s\"\n", s, e.Caps[s])
		}
	}
	return b.Bytes()
}
