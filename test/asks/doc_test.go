// SPDX-License-Identifier: Apache-2.0

package asks

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tests that the package's table names are where it says.
func TestTableOfOthers(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	named := regexp.MustCompile(`(Test\w+) in (\S+)`).FindAllStringSubmatch(string(doc), -1)
	require.NotEmpty(t, named)
	for _, n := range named {
		files, err := filepath.Glob(filepath.Join("../..", n[2], "*_test.go"))
		require.NoError(t, err)
		found := false
		for _, name := range files {
			source, err := os.ReadFile(name)
			require.NoError(t, err)
			found = found || strings.Contains(string(source), "\nfunc "+n[1]+"(")
		}
		require.True(t, found, "%s is not in %s", n[1], n[2])
	}
}

// Every test says where its ask can be read.
func TestAsksHaveLinks(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	comment := regexp.MustCompile(`(?m)((?:^//.*\n)*)^func (Test[A-Z][A-Za-z]*?([0-9]+)_\w+)\(`)
	links := map[string]string{}
	var tests [][]string
	for _, name := range files {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range comment.FindAllStringSubmatch(string(source), -1) {
			tests = append(tests, m)
			if regexp.MustCompile(`https://github\.com/\S+/` + m[3] + `\b`).MatchString(m[1]) {
				links[m[2][:strings.Index(m[2], "_")]] = m[2]
			}
		}
	}
	require.Greater(t, len(tests), 30)
	for _, m := range tests { // one of those about the same ask has it
		require.NotEmpty(t, m[1], m[2])
		require.Contains(t, links, m[2][:strings.Index(m[2], "_")], m[2])
	}
}
