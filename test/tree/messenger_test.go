// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger/messengertest"
)

const messengerPage = "docs/messenger.md"

// section is what stands below a heading of the page about messengers.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(text(t, messengerPage), "\n## "+heading+"\n")
	require.True(t, found, heading)
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// table are the cells of the first table below a heading, its own heading first.
func table(t *testing.T, heading string) [][]string {
	t.Helper()
	var rows [][]string
	for line := range strings.Lines(section(t, heading)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if len(rows) > 0 {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
			require.NotEmpty(t, cells[i], line)
		}
		if !strings.HasPrefix(cells[0], "---") {
			rows = append(rows, cells)
		}
	}
	require.NotEmpty(t, rows, heading)
	return rows
}

// suiteNames are the cases of the messengers' suite.
func suiteNames() map[string]bool {
	all := map[string]bool{}
	for _, name := range messengertest.Names() {
		all[name] = true
	}
	return all
}

// The page has a line for each case of Ceph's own tests, each addition and each requirement
// of the thread, and it names a test whose name has the number, or links to what answers it.
func TestMessengerNumbers(t *testing.T) {
	want := map[string]bool{}
	for letter, n := range map[string]int{"C": 24, "D": 12, "R": 43} {
		for i := range n {
			want[letter+strconv.Itoa(i+1)] = true
		}
	}
	cases := suiteNames()
	test := regexp.MustCompile("`((?:Test|Benchmark|[CDR]\\d)\\w*)`(?: in `([\\w/]+)`)?")
	for _, row := range table(t, "Cases and requirements")[1:] {
		number, answer := row[0], row[2]
		require.Len(t, row, 3, number)
		if !assert.True(t, want[number], "%s is there twice, or is no number", number) {
			continue
		}
		delete(want, number)
		named := false
		for _, m := range test.FindAllStringSubmatch(answer, -1) {
			name, folder := m[1], m[2]
			if folder == "" {
				assert.True(t, cases[name], "%s: the suite has no %s", number, name)
			} else {
				assert.NotNil(t, functions(testFiles(t, folder))[name], "%s: %s is not in %s", number, name, folder)
			}
			for part := range strings.SplitSeq(strings.TrimPrefix(name, "Test"), "_") {
				named = named || part == number
			}
		}
		assert.True(t, named || link.MatchString(answer), "%s: neither a test of that name nor a place", number)
	}
	assert.Empty(t, want, "not on the page")
}

// A case of the suite that has a number stands on the page, in the line for it.
func TestMessengerCasesAreOnThePage(t *testing.T) {
	lines := map[string]string{}
	for _, row := range table(t, "Cases and requirements")[1:] {
		lines[row[0]] = row[2]
	}
	number := regexp.MustCompile(`^[CDR]\d+$`)
	for name := range suiteNames() {
		for part := range strings.SplitSeq(name, "_") {
			if number.MatchString(part) {
				assert.Contains(t, lines[part], "`"+name+"`", part)
			}
		}
	}
}

// Each cell of the promises is a case of the suite.
func TestMessengerPromises(t *testing.T) {
	cases := suiteNames()
	rows := table(t, "Promises")
	left := map[string]bool{}
	for name := range cases {
		if strings.HasPrefix(name, "Promise_") {
			left[name] = true
		}
	}
	failure := regexp.MustCompile("^`(\\w+)`")
	for _, row := range rows[1:] {
		m := failure.FindStringSubmatch(row[0])
		require.NotNil(t, m, row[0])
		require.Len(t, row, len(rows[0]), row[0])
		for _, head := range rows[0][1:] {
			name := fmt.Sprintf("Promise_%s_%s", strings.Fields(head)[0], m[1])
			assert.True(t, cases[name], "the suite has no %s", name)
			delete(left, name)
		}
	}
	assert.Empty(t, left, "not on the page")
}

// imports are what the files of a folder import, tests excepted.
func imports(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, paths, folder)
	var all []string
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			all = append(all, name)
		}
	}
	return all
}

const module = "github.com/accelio/accelio-go/"

// The model knows no messenger, and neither does the suite.
func TestR16_NoConcreteTypeInTheModel(t *testing.T) {
	for folder, may := range map[string][]string{
		"messenger":               nil,
		"messenger/messengertest": {"messenger", "messenger/messages"},
		"messenger/messages":      {"messenger"},
		"messenger/internal/core": {"messenger"},
		"messenger/pingpong":      {"messenger", "messenger/messages"},
	} {
		for _, name := range imports(t, folder) {
			if of, ok := strings.CutPrefix(name, module); ok {
				assert.Contains(t, may, of, folder)
			}
		}
	}
}

// Nobody else's code is in the messengers: the standard library, and this module's own.
func TestR40_MessengersDependOnNobody(t *testing.T) {
	for _, folder := range []string{
		"messenger", "messenger/messages", "messenger/internal/core", "messenger/internal/v1", "messenger/cephx",
		"messenger/simplemessenger", "messenger/xiomessenger", "messenger/monc", "messenger/pingpong",
	} {
		for _, name := range imports(t, folder) {
			host, _, _ := strings.Cut(name, "/")
			assert.True(t, !strings.Contains(host, ".") || strings.HasPrefix(name, module), "%s imports %s", folder, name)
		}
	}
}
