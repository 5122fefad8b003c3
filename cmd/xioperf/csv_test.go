// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two runs add to one file; what is in it is what the JSON output says.
func TestCSV(t *testing.T) {
	name := filepath.Join(t.TempDir(), "results.csv")
	var told []result
	for _, args := range []string{"-size 32,4k -depth 1,4", "-size 32 -rate 10000 -api call -buffers"} {
		f := runHere(t, strings.Fields("-local -json -n 100 -warmup 0s -csv "+name+" "+args)...).ok(t)
		for _, r := range f.results(t) {
			told = append(told, *r)
		}
	}
	rows, err := readCSV[result](name)
	require.NoError(t, err)
	require.Equal(t, told, rows)

	text, err := os.ReadFile(name)
	require.NoError(t, err)
	records, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	require.NoError(t, err)
	require.Len(t, records, 1+5, "one header")
	for _, column := range []string{"machine", "kernel", "go", "engine", "engine_version", "transport",
		"size", "depth", "messages_per_second", "latency_us_p99.9", "lag_us_p99"} {
		require.Contains(t, records[0], column)
	}
}

func TestCSVOfOtherThings(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.csv")
	require.NoError(t, os.WriteFile(other, []byte("a,b\n1,2\n"), 0o666))
	runHere(t, "-local", "-csv", other).oneLine(t, exitFailed, "other columns")
	runHere(t, "-plot", other, "-o", filepath.Join(dir, "x.svg")).oneLine(t, exitFailed, "no file of results")
	text, err := os.ReadFile(other)
	require.NoError(t, err)
	require.Equal(t, "a,b\n1,2\n", string(text), "it was touched")

	empty := filepath.Join(dir, "empty.csv")
	require.NoError(t, os.WriteFile(empty, nil, 0o666))
	runHere(t, "-plot", empty, "-o", filepath.Join(dir, "x.svg")).oneLine(t, exitFailed, "is empty")
	require.NoFileExists(t, filepath.Join(dir, "x.svg"))
}

// No figure is called differently in JSON and in CSV.
func TestColumnsHaveJSONNames(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.csv")
	c, err := appendCSV[result](name)
	require.NoError(t, err)
	require.NoError(t, c.add(&result{}))
	require.NoError(t, c.close())
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	header, _, _ := strings.Cut(string(text), "\n")

	b, err := json.Marshal(result{})
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(b, &object))
	var names []string
	for k, v := range object {
		if inner, ok := v.(map[string]any); ok {
			for p := range inner {
				names = append(names, k+"_"+p)
			}
		} else {
			names = append(names, k)
		}
	}
	require.ElementsMatch(t, strings.Split(header, ","), names)
}
