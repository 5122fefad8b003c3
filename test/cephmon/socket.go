// SPDX-License-Identifier: Apache-2.0

package cephmon

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"
)

// State is what the monitor says of itself on its admin socket: "probing",
// "electing", "leader", …
func (m *Monitor) State() (string, error) {
	b, err := m.Ask("mon_status")
	if err != nil {
		return "", err
	}
	var status struct {
		State string `json:"state"`
	}
	if err := json.Unmarshal(b, &status); err != nil {
		return "", fmt.Errorf("mon_status: %w", err)
	}
	return status.State, nil
}

// Ask gives the monitor a command on its admin socket, which needs no protocol of
// messengers and no key, and returns the answer's JSON.
func (m *Monitor) Ask(prefix string) ([]byte, error) {
	c, err := net.Dial("unix", filepath.Join(m.dir, "run", "mon.a.asok"))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	q, err := json.Marshal(map[string]string{"prefix": prefix, "format": "json"})
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(append(q, 0)); err != nil {
		return nil, err
	}
	var n [4]byte
	if _, err := io.ReadFull(c, n[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(n[:]))
	_, err = io.ReadFull(c, b)
	return b, err
}
