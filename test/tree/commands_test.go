// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// CI runs the README's two commands, word for word.
func TestREADMECommands(t *testing.T) {
	readme, ci := text(t, "README.md"), text(t, ".ci/run")
	for _, name := range []string{"MAIN_COMMAND", "TEST_COMMAND"} {
		m := regexp.MustCompile(`(?m)^` + name + `='(.*)'$`).FindStringSubmatch(ci)
		require.NotNil(t, m, "%s is not in .ci/run", name)
		require.Contains(t, readme, "```sh\n"+m[1]+"\n```", name)
	}
}

// Every test that a page names in a command exists, and so does its folder.
func TestCommandsNameTests(t *testing.T) {
	command := regexp.MustCompile("go test (?:-\\w+(?:=\\w+)? )*?-run '?([^' `]+)'? \\./([\\w/]+)")
	folder := regexp.MustCompile("go (?:test|run|build)[^`\n]* \\./([\\w/]+)")
	checked := 0
	for _, name := range filesWith(t, ".md") {
		page := text(t, name)
		for _, m := range folder.FindAllStringSubmatch(page, -1) {
			in := strings.TrimSuffix(m[1], "/")
			_, err := fs.Stat(files, in)
			assert.NoError(t, err, "%s: %s", name, m[0])
		}
		for _, m := range command.FindAllStringSubmatch(page, -1) {
			checked++
			tests, err := fs.Glob(files, path.Join(m[2], "*_test.go"))
			require.NoError(t, err)
			var source strings.Builder
			for _, f := range tests {
				source.WriteString(text(t, f))
			}
			for part := range strings.SplitSeq(strings.ReplaceAll(m[1], `\|`, "|"), "|") {
				fn, _, _ := strings.Cut(part, "/")
				fn = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(fn, "^"), "Test"), "$")
				assert.Regexp(t, `(?m)^func Test\w*`+fn, source.String(), "%s: %s", name, m[0])
			}
		}
	}
	require.Greater(t, checked, 10)
}

// The hosted workflow has every stage of .ci/run, once.
func TestWorkflowHasAllStages(t *testing.T) {
	ci, workflow := text(t, ".ci/run"), text(t, ".github/workflows/ci.yml")
	stages := regexp.MustCompile(`(?m)^(?:STAGES='|EXTRA=')?([a-z0-9-]+) {2,}\w`).FindAllStringSubmatch(ci, -1)
	require.Greater(t, len(stages), 20)
	var known []string
	for _, s := range stages {
		known = append(known, s[1])
	}
	var named []string
	for _, m := range regexp.MustCompile(`(?m)^ +stages: (.*)$`).FindAllStringSubmatch(workflow, -1) {
		for _, s := range strings.Fields(m[1]) {
			if s != "tools" { // each job begins with it
				named = append(named, s)
			}
		}
	}
	assert.ElementsMatch(t, known, append(named, "tools"))
}

// The module and the changelog are of one version.
func TestVersion(t *testing.T) {
	find := func(name, pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(text(t, name))
		require.NotNil(t, m, name)
		return m[1]
	}
	version := find("xio/version.go", `(?m)^const Version = "(\d+\.\d+\.\d+)(?:-dev)?"$`)
	assert.Equal(t, version, find("CHANGELOG.md", `(?m)^## (\d+\.\d+\.\d+)`))
}
