// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"go/ast"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every package with tests ends them with goleak.
func TestEveryPackageLooksForGoroutines(t *testing.T) {
	packages := foldersWith(t, "_test.go")
	require.Greater(t, len(packages), 12)
	for _, folder := range packages {
		main := functions(testFiles(t, folder))["TestMain"]
		if assert.NotNil(t, main, "%s has no TestMain", folder) {
			assert.True(t, usesGoleak(main), "%s: TestMain without goleak", folder)
		}
	}
}

// usesGoleak says whether a function calls goleak's VerifyTestMain.
func usesGoleak(fn *ast.FuncDecl) bool {
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "goleak" {
					found = found || sel.Sel.Name == "VerifyTestMain"
				}
			}
		}
		return true
	})
	return found
}
