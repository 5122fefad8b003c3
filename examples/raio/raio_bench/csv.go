// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
)

var columns = []string{"mode", "block", "depth", "ops", "seconds", "iops", "p50_us", "p90_us", "p99_us", "p99.9_us", "max_us", "mean_us"}

func writeCSV(name string, rows []result) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }
	lines := [][]string{columns}
	for _, r := range rows {
		lines = append(lines, []string{r.Mode, strconv.Itoa(r.Block), strconv.Itoa(r.Depth), strconv.FormatUint(r.Ops, 10),
			number(r.Seconds), number(r.iops()), number(r.P50), number(r.P90), number(r.P99), number(r.P999), number(r.Max), number(r.Mean)})
	}
	err = w.WriteAll(lines)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

func readCSV(name string) ([]result, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(lines) < 2 || !slices.Equal(lines[0], columns) {
		return nil, fmt.Errorf("%s has no results of raio_bench", name)
	}
	var rows []result
	for i, line := range lines[1:] {
		v := make([]float64, len(line))
		for j, s := range line[1:] {
			if v[j+1], err = strconv.ParseFloat(s, 64); err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", name, i+2, err)
			}
		}
		r := result{Mode: line[0], Block: int(v[1]), Depth: int(v[2]), Ops: uint64(v[3]), Seconds: v[4]}
		r.P50, r.P90, r.P99, r.P999, r.Max, r.Mean = v[6], v[7], v[8], v[9], v[10], v[11]
		rows = append(rows, r)
	}
	return rows, nil
}
