// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/accelio/accelio-go/messenger/monc"
)

// pingResults is what the action ping prints.
type pingResults struct {
	FSID     string          `json:"fsid"`
	Monitor  string          `json:"monitor"`
	GlobalID uint64          `json:"global_id"`
	Epoch    uint32          `json:"monmap_epoch"`
	Mons     []monResults    `json:"mons"`
	Seconds  []float64       `json:"round_trips_seconds"`
	Answer   json.RawMessage `json:"answer"` // to the last ping
}

type monResults struct {
	Name  string `json:"name"`
	Addrs string `json:"addrs"`
}

func ping(ctx context.Context, c *monc.Client, o *options, w io.Writer) error {
	m, err := c.WaitMonMap(ctx, 0)
	if err != nil {
		return err
	}
	at, _ := c.Monitor()
	r := pingResults{FSID: m.FSID.String(), Monitor: at.String(), GlobalID: c.GlobalID(), Epoch: m.Epoch}
	for _, mon := range m.Mons {
		r.Mons = append(r.Mons, monResults{mon.Name, mon.Addrs.String()})
	}
	for range o.count {
		began := time.Now()
		text, err := c.Ping(ctx)
		if err != nil {
			return err
		}
		r.Seconds = append(r.Seconds, time.Since(began).Seconds())
		r.Answer = json.RawMessage(text)
	}
	if o.json {
		return json.NewEncoder(w).Encode(r)
	}
	fmt.Fprintf(w, "cluster:   %s\n", r.FSID)
	fmt.Fprintf(w, "monitor:   %s, we are client.%d\n", r.Monitor, r.GlobalID)
	fmt.Fprintf(w, "monmap:    %v\n", m)
	for _, s := range r.Seconds {
		fmt.Fprintf(w, "answer in: %.3f ms\n", 1e3*s)
	}
	return indent(w, r.Answer)
}

func statfs(ctx context.Context, c *monc.Client, o *options, w io.Writer) error {
	u, err := c.Usage(ctx)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(w).Encode(u)
	}
	fmt.Fprintf(w, "size:      %d KiB\nused:      %d KiB\navailable: %d KiB\nobjects:   %d\n", u.KB, u.KBUsed, u.KBAvail, u.NumObject)
	return nil
}

func command(ctx context.Context, c *monc.Client, o *options, w io.Writer) error {
	out, err := c.Command(ctx, o.command)
	if err != nil {
		return err
	}
	if len(out.Data) == 0 {
		_, err = fmt.Fprintln(w, out.Status)
		return err
	}
	return indent(w, out.Data)
}

// indent prints JSON for people, and anything else as it is.
func indent(w io.Writer, b []byte) error {
	var pretty bytes.Buffer
	if json.Indent(&pretty, bytes.TrimSpace(b), "", "  ") == nil {
		b = append(pretty.Bytes(), '\n')
	}
	_, err := w.Write(b)
	return err
}
