// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// output tells the results: as text while they come, or as one JSON value at
// the end, and in any case to the CSV file if there is one.
type output struct {
	w       io.Writer
	json    bool
	csv     *csvFile[result]
	results []*result
}

// report is the JSON output.
type report struct {
	Program string    `json:"program"`
	Results []*result `json:"results"`
}

func newOutput(o *options, w io.Writer) (*output, error) {
	out := &output{w: w, json: o.json, results: []*result{}}
	if o.csv == "" {
		return out, nil
	}
	var err error
	out.csv, err = appendCSV[result](o.csv)
	return out, err
}

func (out *output) add(r *result) error {
	out.results = append(out.results, r)
	if out.csv != nil {
		if err := out.csv.add(r); err != nil {
			return err
		}
	}
	if out.json {
		return nil
	}
	if len(out.results) == 1 {
		if err := printHead(out.w, r); err != nil {
			return err
		}
	}
	return printRow(out.w, r)
}

// close ends the output.
func (out *output) close() error {
	if out.csv != nil {
		if err := out.csv.close(); err != nil {
			return err
		}
	}
	if out.json {
		return json.NewEncoder(out.w).Encode(report{program, out.results})
	}
	return nil
}

// printHead prints what is the same for all results, and the head of the table.
func printHead(w io.Writer, r *result) error {
	_, err := fmt.Fprintf(w, `engine:    %s %s (%s)
machine:   %s, %d CPUs, %s, %s
options:   %s, %s, %d socket(s) each, %d connection(s) of %d session(s) on %d context(s), %s server
           %s by %s from %d goroutine(s), data %s, header %d bytes%s
%10s %5s %11s %9s %9s %9s %9s %9s %9s %9s %9s %7s
`,
		r.Engine, r.Version, r.Linkage,
		r.Machine, r.CPUs, r.Kernel, r.Go,
		r.Role, r.Transport, r.Streams, r.Connections, r.Sessions, r.Contexts, serverText(r),
		r.Kind, r.API, r.Goroutines, r.Buffers, r.Header, rateText(r),
		"bytes", "depth", "messages/s", "MB/s out", "MB/s in", "mean us", "p50", "p90", "p99", "p99.9", "max", "CPU us")
	return err
}

func serverText(r *result) string {
	text := r.Server
	if r.Server == "workers" {
		text = fmt.Sprintf("%d-worker", r.Workers)
	}
	if r.Portals > 0 {
		text += fmt.Sprintf(", %d-portal", r.Portals)
	}
	return text
}

func rateText(r *result) string {
	if r.TargetRate == 0 {
		return ""
	}
	return fmt.Sprintf(", %g messages/s wanted", r.TargetRate)
}

func printRow(w io.Writer, r *result) error {
	note := ""
	if r.TargetRate > 0 {
		note = fmt.Sprintf("  sent late by p99 %.1f us", r.Lag.P99)
	}
	if r.Unsent > 0 {
		note += fmt.Sprintf(", %d due at the end and not sent", r.Unsent)
	}
	if r.Interrupted {
		note += "  (interrupted)"
	}
	_, err := fmt.Fprintf(w, "%10s %5d %11.0f %9.1f %9.1f %s %7.2f%s\n",
		sizeText(r.Size), r.Depth, r.Rate, r.MBOut, r.MBIn, r.Latency, r.CPU, note)
	return err
}
