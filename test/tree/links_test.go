// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	codeBlock = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	codeSpan  = regexp.MustCompile("`[^`\n]*`")
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	linkText  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	heading   = regexp.MustCompile(`(?m)^#{1,6} +(.*?) *$`)
)

// anchors are what the headings of a page can be linked by.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(codeBlock.ReplaceAllString(page, ""), -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, linkText.ReplaceAllString(m[1], "$1"))
		name := slug
		for n := 1; all[name]; n++ {
			name = slug + "-" + strconv.Itoa(n)
		}
		all[name] = true
	}
	return all
}

func TestAnchors(t *testing.T) {
	assert.Equal(t, map[string]bool{"c-calls": true, "what-it-is": true, "what-it-is-1": true, "xio_errno-or-not": true},
		anchors("# C: calls\n## What it is\n```\n# no heading\n```\n## [What](x.md) it is\n### `xio_errno`, or not?\n"))
}

// Links of all pages to files of the tree, and to places in them, lead somewhere.
func TestLinks(t *testing.T) {
	checked := 0
	for _, name := range filesWith(t, ".md") {
		page := text(t, name)
		for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(page, ""), ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, ":") {
				assert.Regexp(t, "^(https://|mailto:)", target, name)
				continue
			}
			checked++
			to := name
			if target != "" {
				to = path.Join(path.Dir(name), target)
			}
			if _, err := fs.Stat(files, to); !assert.NoError(t, err, "%s: %s", name, m[1]) || anchor == "" {
				continue
			}
			assert.True(t, anchors(text(t, to))[anchor], "%s: %s has no such heading", name, m[1])
		}
	}
	require.Greater(t, checked, 30)
}

// Every page can be reached from the README.
func TestEveryPageIsLinked(t *testing.T) {
	reached := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if reached[name] || path.Ext(name) != ".md" {
			return
		}
		reached[name] = true
		for _, m := range link.FindAllStringSubmatch(text(t, name), -1) {
			if target, _, _ := strings.Cut(m[1], "#"); target != "" && !strings.Contains(target, ":") {
				visit(path.Join(path.Dir(name), target))
			}
		}
	}
	visit("README.md")
	for _, name := range filesWith(t, ".md") {
		assert.True(t, reached[name], "nothing leads to %s", name)
	}
}

// Comments name pages that exist.
func TestPagesInComments(t *testing.T) {
	page := regexp.MustCompile(`\bdocs/[\w-]+\.md\b`)
	for _, name := range filesWith(t, ".go", ".c", ".h", ".sh", ".md") {
		for _, to := range page.FindAllString(text(t, name), -1) {
			_, err := fs.Stat(files, to)
			assert.NoError(t, err, name)
		}
	}
}
