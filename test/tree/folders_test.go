// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The picture of the house is the code: each folder with Go sources has its place on
// docs/architecture.md, programs among the examples on docs/examples.md, and the
// folders and files that the page names are there.
func TestEveryFolderHasItsPlace(t *testing.T) {
	page := text(t, "docs/architecture.md")
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`(\\w[\\w/]*)`").FindAllStringSubmatch(page, -1) {
		named[m[1]] = true
	}
	programs := text(t, "docs/examples.md")
	folders := foldersWith(t, ".go")
	require.Greater(t, len(folders), 40)
	for _, folder := range folders {
		program := regexp.MustCompile(`go run \./` + folder + `\b|cd ` + folder + ` && go run`).MatchString(programs)
		assert.True(t, named[folder] || program, "%s is not on the page", folder)
	}

	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(page, -1) {
		for folder := range strings.SplitSeq(row[1], ", ") {
			info, err := fs.Stat(files, strings.Trim(folder, "`"))
			if assert.NoError(t, err) {
				assert.True(t, info.IsDir(), folder)
			}
		}
	}
	sources := filesWith(t, ".go", ".c", ".h")
	checked := 0
	for _, m := range regexp.MustCompile("`([\\w/]+\\.[gch]o?)`").FindAllStringSubmatch(page, -1) {
		checked++
		there := slices.ContainsFunc(sources, func(name string) bool { return strings.HasSuffix("/"+name, "/"+m[1]) })
		assert.True(t, there, "there is no %s", m[1])
	}
	require.Greater(t, checked, 15)
}
