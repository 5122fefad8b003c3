// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// row is a line of a table in docs/features.md.
type row struct{ feature, c, goAPI, test, embedded, libxio string }

// featureRows are the lines of all tables, heads excepted.
func featureRows(t *testing.T) []row {
	t.Helper()
	var rows []row
	head := true // the next line of a table is its head
	for line := range strings.Lines(text(t, "docs/features.md")) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			head = true
			continue
		}
		if head || strings.HasPrefix(line, "|---") {
			head = false
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		require.Len(t, cells, 6, line)
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
			require.NotEmpty(t, cells[i], line)
		}
		rows = append(rows, row{cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]})
	}
	return rows
}

// Every feature has a test, where the page says.
func TestFeaturesHaveTests(t *testing.T) {
	rows := featureRows(t)
	require.Greater(t, len(rows), 70)
	inFolder := map[string]map[string]bool{}
	cell := regexp.MustCompile("^`(Test\\w+)` in (\\S+)$")
	for _, r := range rows {
		for _, test := range strings.Split(r.test, ", ") {
			m := cell.FindStringSubmatch(test)
			if !assert.NotNil(t, m, "%s: %q", r.feature, test) {
				continue
			}
			name, folder := m[1], m[2]
			if inFolder[folder] == nil {
				inFolder[folder] = map[string]bool{}
				for fn := range functions(testFiles(t, folder)) {
					inFolder[folder][fn] = true
				}
			}
			assert.True(t, inFolder[folder][name], "%s: %s is not in %s", r.feature, name, folder)
		}
	}
}

// Both providers have something to say to every feature, and begin with what it is.
func TestFeaturesOfBothProviders(t *testing.T) {
	plain := regexp.MustCompile(`^(yes|no)\b`)
	for _, r := range featureRows(t) {
		assert.Regexp(t, plain, r.embedded, r.feature)
		if r.libxio == "yes" {
			continue
		}
		assert.Greater(t, len(strings.Fields(r.libxio)), 1, "%s: %q says too little", r.feature, r.libxio)
	}
}
