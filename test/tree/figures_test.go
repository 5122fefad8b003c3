// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the README's figures anew from bench/results")

// rates are the requests per second that bench/results has, by library, case and
// contender, one for each round.
func rates(t *testing.T) map[[3]string][]float64 {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text(t, "bench/results/results.csv"))).ReadAll()
	require.NoError(t, err)
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	all := map[[3]string][]float64{}
	for _, r := range rows[1:] {
		v, err := strconv.ParseFloat(r[column["rate"]], 64)
		require.NoError(t, err)
		key := [3]string{r[column["library"]], r[column["case"]], r[column["contender"]]}
		all[key] = append(all[key], v)
	}
	return all
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}

// thousands is a rate with three digits that count: "445,000".
func thousands(v float64) string {
	s := strconv.FormatFloat(v, 'g', 3, 64)
	f, _ := strconv.ParseFloat(s, 64)
	s = strconv.FormatFloat(f, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// figures is what the README says of performance, made from bench/results.
func figures(t *testing.T) string {
	t.Helper()
	page := text(t, "bench/results/README.md")
	about := func(what string) string {
		m := regexp.MustCompile(`(?m)^\| ` + what + ` \| (.*) \|$`).FindStringSubmatch(page)
		require.NotNil(t, m, what)
		return m[1]
	}
	rounds := regexp.MustCompile(`Medians of (\d+) rounds`).FindStringSubmatch(page)
	require.NotNil(t, rounds)
	all := rates(t)

	var b strings.Builder
	fmt.Fprintf(&b, "Requests per second over loopback: medians of %s rounds, measured %s on\n%s, %s, %s.\n\n",
		rounds[1], about("date"), about("processor"), about("kernel"), about("Go"))
	table := func(group string, cases, contenders, heads []string) {
		fmt.Fprintf(&b, "| size, requests in flight | %s |\n|---|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
		for _, c := range cases {
			cells := make([]string, len(contenders))
			for i, name := range contenders {
				v := all[[3]string{"embedded engine", group + ", " + c, name}]
				if cells[i] = "–"; len(v) > 0 {
					cells[i] = thousands(median(v))
				}
			}
			require.NotEqual(t, "–", cells[0], c)
			fmt.Fprintf(&b, "| %s | %s |\n", strings.ReplaceAll(c, "depth ", ""), strings.Join(cells, " | "))
		}
	}
	b.WriteString("A server and a client in Go, against other ways to send requests:\n\n")
	table("pair", []string{"32 B, depth 1", "32 B, depth 64", "4 KiB, depth 64", "64 KiB, depth 64"},
		[]string{"xio", "tcp", "zmq", "grpc-stream", "grpc-unary", "mangos", "netrpc"},
		[]string{"xio", "plain TCP", "ZeroMQ", "gRPC stream", "gRPC unary", "mangos", "net/rpc"})
	b.WriteString("\nThe same client in Go and in C, on the embedded engine, against one server in C:\n\n")
	table("client", []string{"32 B, depth 1", "32 B, depth 16", "32 B, depth 64", "32 B, depth 256", "4 KiB, depth 64", "64 KiB, depth 16"},
		[]string{"Go", "Go Call", "C"}, []string{"Go, `Send`", "Go, `Call`", "C"})
	return b.String()
}

// The README's figures are those of bench/results. After a new run of bench they
// are written anew with go test ./test/tree -run Figures -update.
func TestREADMEFigures(t *testing.T) {
	const begin, end = "<!-- figures: made by go test ./test/tree -run Figures -update -->\n", "<!-- end of figures -->\n"
	readme := text(t, "README.md")
	before, rest, found := strings.Cut(readme, begin)
	require.True(t, found)
	old, after, found := strings.Cut(rest, end)
	require.True(t, found)
	now := figures(t)
	if *update && now != old {
		require.NoError(t, os.WriteFile(root+"/README.md", []byte(before+begin+now+end+after), 0o644))
		return
	}
	require.Equal(t, now, old, "run go test ./test/tree -run Figures -update")
}
