// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const root = "../.."

// files is the whole tree.
var files = os.DirFS(root)

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := fs.ReadFile(files, name)
	require.NoError(t, err)
	return string(b)
}

// filesWith are the files whose names have one of these ends.
func filesWith(t *testing.T, ends ...string) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "vendor"):
			return fs.SkipDir
		case !d.IsDir() && slices.ContainsFunc(ends, func(e string) bool { return strings.HasSuffix(name, e) }):
			found = append(found, name)
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

// testFiles are the test files of a folder.
func testFiles(t *testing.T, folder string) []*ast.File {
	t.Helper()
	names, err := fs.Glob(files, path.Join(folder, "*_test.go"))
	require.NoError(t, err)
	var parsed []*ast.File
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, text(t, name), parser.SkipObjectResolution)
		require.NoError(t, err)
		parsed = append(parsed, f)
	}
	return parsed
}

// functions are the functions in them, without methods, by name.
func functions(files []*ast.File) map[string]*ast.FuncDecl {
	all := map[string]*ast.FuncDecl{}
	for _, f := range files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				all[fn.Name.Name] = fn
			}
		}
	}
	return all
}

// foldersWith are the folders with files whose names have one of these ends.
func foldersWith(t *testing.T, ends ...string) []string {
	t.Helper()
	var folders []string
	for _, name := range filesWith(t, ends...) {
		folders = append(folders, path.Dir(name))
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}
