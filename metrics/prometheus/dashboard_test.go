// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The dashboard asks for metrics and labels that there are.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var board struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &board))
	assert.NotEmpty(t, board.Title)

	// What there is, by name: the labels of each.
	there := make(map[string][]string)
	ch := make(chan *prometheus.Desc, 100)
	NewObserver(Options{}).Describe(ch)
	new(Collector).Describe(ch)
	close(ch)
	form := regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)
	for d := range ch {
		m := form.FindStringSubmatch(d.String())
		require.NotNil(t, m, d.String())
		there[m[1]] = strings.Split(m[2], ",")
	}

	names := regexp.MustCompile(`xio_[a-z_]+`)
	grouped := regexp.MustCompile(`by \(([^)]*)\)`)
	ids := make(map[int]bool)
	for _, p := range board.Panels {
		assert.False(t, ids[p.ID], "two panels with id %d", p.ID)
		ids[p.ID] = true
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			found := names.FindAllString(target.Expr, -1)
			require.Len(t, found, 1, target.Expr)
			name := found[0]
			labels, ok := there[name]
			if !ok {
				for _, part := range []string{"_bucket", "_sum", "_count"} {
					if l, yes := there[strings.TrimSuffix(name, part)]; yes && strings.HasSuffix(name, part) {
						labels, ok = append([]string{"le"}, l...), true
					}
				}
			}
			require.True(t, ok, "no metric %s", name)
			if m := grouped.FindStringSubmatch(target.Expr); m != nil {
				assert.Subset(t, labels, strings.Split(m[1], ", "), target.Expr)
			}
		}
	}
	assert.GreaterOrEqual(t, len(ids), 10)
}
