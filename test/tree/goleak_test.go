// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"go/ast"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withoutGoleak are the packages with tests that cannot look for goroutines, and
// why. None, as it is.
var withoutGoleak = map[string]string{}

// Every package with tests ends them with goleak.
func TestEveryPackageLooksForGoroutines(t *testing.T) {
	packages := packagesWithTests(t)
	require.Greater(t, len(packages), 12)
	for _, folder := range packages {
		main := functions(testFiles(t, folder))["TestMain"]
		if why, known := withoutGoleak[folder]; known {
			assert.NotEmpty(t, why, folder)
			assert.False(t, main != nil && usesGoleak(main), "%s has it: take it out of the list", folder)
			continue
		}
		if assert.NotNil(t, main, "%s has no TestMain", folder) {
			assert.True(t, usesGoleak(main), "%s: TestMain without goleak", folder)
		}
	}
}

// usesGoleak says whether a function calls goleak's VerifyTestMain or Find.
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
