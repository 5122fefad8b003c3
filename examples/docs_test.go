// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The page about the examples names each program, and none that is not there.
func TestExamplesPage(t *testing.T) {
	page := read(t, "../docs/examples.md")
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`go run \./examples/([a-z_/]+)`).FindAllStringSubmatch(page, -1) {
		named[m[1]] = true
		_, err := os.Stat(filepath.Join(m[1], "main.go"))
		require.NoError(t, err, "%s is on the page", m[1])
	}
	mains, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	require.NotEmpty(t, mains)
	for _, m := range mains {
		require.True(t, named[filepath.Dir(m)], "%s is not on the page", m)
	}
	for _, m := range regexp.MustCompile(`\]\(#([a-z-]+)\)`).FindAllStringSubmatch(page, -1) {
		require.Contains(t, anchors(page), m[1])
	}
}

// anchors are those of the headings, as Markdown makes them.
func anchors(page string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		all = append(all, regexp.MustCompile(`[^a-z-]`).ReplaceAllString(
			regexp.MustCompile(` `).ReplaceAllString(strings.ToLower(m[1]), "-"), ""))
	}
	return all
}
