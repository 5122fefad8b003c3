// SPDX-License-Identifier: Apache-2.0

package xio_test

import (
	"go/ast"
	"go/types"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documented is an exported name with what its comment says.
type documented struct {
	name string // "Dial", "Connection.Call", "Dialer.Index"
	doc  string
	typ  *documented   // of a method or field: what it belongs to
	fn   *ast.FuncType // of functions and methods
	spec ast.Expr      // of types and fields: the type
	ptr  bool          // the receiver is a pointer
}

// audited are the exported names of a package, by name.
type audited map[string]*documented

func audit(t *testing.T, dir string) audited {
	all := audited{}
	files := parsePackage(t, dir)
	for _, f := range files {
		for _, d := range f.Decls {
			if d, ok := d.(*ast.GenDecl); ok {
				for _, s := range d.Specs {
					all.addSpec(d, s)
				}
			}
		}
	}
	for _, f := range files {
		for _, d := range f.Decls {
			d, ok := d.(*ast.FuncDecl)
			if !ok || !d.Name.IsExported() {
				continue
			}
			item := &documented{name: d.Name.Name, doc: d.Doc.Text(), fn: d.Type}
			if of := receiver(d); of != "" {
				if item.typ = all[of]; item.typ == nil {
					continue
				}
				item.name = of + "." + item.name
				_, item.ptr = d.Recv.List[0].Type.(*ast.StarExpr)
			}
			all[item.name] = item
		}
	}
	return all
}

// addSpec adds types with their fields, constants and variables. In a group
// without a comment for each the group's holds for all.
func (all audited) addSpec(d *ast.GenDecl, s ast.Spec) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		for _, id := range s.Names {
			if id.IsExported() {
				all[id.Name] = &documented{name: id.Name, doc: first(s.Doc.Text(), s.Comment.Text(), d.Doc.Text())}
			}
		}
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return
		}
		typ := &documented{name: s.Name.Name, doc: first(s.Doc.Text(), d.Doc.Text()), spec: s.Type}
		all[typ.name] = typ
		var fields *ast.FieldList
		switch t := s.Type.(type) {
		case *ast.StructType:
			fields = t.Fields
		case *ast.InterfaceType:
			fields = t.Methods
		default:
			return
		}
		before := ""
		for _, f := range fields.List {
			own := first(f.Doc.Text(), f.Comment.Text())
			for _, id := range f.Names {
				doc := own
				if doc == "" && strings.Contains(before, id.Name) {
					doc = before // one comment for two fields names both
				}
				if id.IsExported() {
					item := &documented{name: typ.name + "." + id.Name, doc: doc, typ: typ, spec: f.Type}
					item.fn, _ = f.Type.(*ast.FuncType)
					all[item.name] = item
				}
			}
			if own != "" {
				before = own
			}
		}
	}
}

func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// mentions says whether a type occurs in the parameters or results, or in those of
// a function among them.
func mentions(fn *ast.FuncType, name string) bool {
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == name {
			found = true
		}
		return true
	})
	return found
}

// says looks in the comment of a name, then in that of its type.
func (d *documented) says(re *regexp.Regexp) bool {
	return re.MatchString(d.doc) || d.typ != nil && re.MatchString(d.typ.doc)
}

var auditedPackages = []string{".", "../pool", "../metrics/otel", "../metrics/prometheus"}

// Every exported name has a comment, and those of functions and types begin with
// it, as go doc and its readers expect.
func TestDocEveryName(t *testing.T) {
	for _, dir := range auditedPackages {
		all := audit(t, dir)
		require.NotEmpty(t, all, dir)
		for name, d := range all {
			if !assert.NotEmpty(t, d.doc, "%s: %s has no comment", dir, name) {
				continue
			}
			if last := name[strings.LastIndexByte(name, '.')+1:]; d.typ == nil || d.fn != nil && d.spec == nil {
				if d.fn != nil || d.spec != nil {
					assert.Regexp(t, `^(An? |The )?`+last+`\b`, d.doc, "%s: %s", dir, name)
				}
			}
		}
	}
}

// What can be called with its object says from which goroutines, in the comment of
// the type. Errors and options are plain values.
func TestDocThreads(t *testing.T) {
	rule := regexp.MustCompile(`(?i)goroutine|concurrent`)
	for _, dir := range auditedPackages {
		all := audit(t, dir)
		for name, d := range all {
			if d.ptr && all[d.typ.name+".Error"] == nil {
				assert.Regexp(t, rule, d.typ.doc, "%s: %s, as it has %s", dir, d.typ.name, name)
			}
			if _, ok := d.spec.(*ast.InterfaceType); ok {
				assert.Regexp(t, rule, d.doc+all.methods(name), "%s: %s", dir, name)
			}
		}
	}
}

// methods are the comments of an interface's methods.
func (all audited) methods(of string) string {
	text := ""
	for _, d := range all {
		if d.typ != nil && d.typ.name == of {
			text += d.doc
		}
	}
	return text
}

// Whatever takes or gives a message or buffer says whose it is, and until when.
func TestDocOwnership(t *testing.T) {
	rule := regexp.MustCompile(`(?i)belongs?|release|reused|copied|valid until|borrows|must not be (kept|changed)|copies|holds a reference|(see|implements) \[`)
	owned := []string{"Message", "Request", "Response", "OneWay", "Buffer", "List"}
	checked := 0
	for _, dir := range auditedPackages {
		for name, d := range audit(t, dir) {
			if d.fn == nil {
				continue
			}
			for _, o := range owned {
				if mentions(d.fn, o) {
					assert.True(t, d.says(rule), "%s: %s passes a %s: whose is it?", dir, name, o)
					checked++
					break
				}
			}
			// Memory that is handed out.
			if d.fn.Results != nil && d.typ != nil {
				for _, r := range d.fn.Results.List {
					if s := types.ExprString(r.Type); s == "[]byte" || s == "[][]byte" {
						assert.True(t, d.says(rule), "%s: %s returns %s: for how long?", dir, name, s)
						checked++
					}
				}
			}
		}
	}
	require.Greater(t, checked, 30)
}

// Whatever can fail says how.
func TestDocErrors(t *testing.T) {
	rule := regexp.MustCompile(`(?i)\bErr[A-Z]\w*|\berrors?\b|\bfails\b|\bio\.EOF\b|returns nil|\bsee \[|ConfigError`)
	for _, dir := range auditedPackages {
		for name, d := range audit(t, dir) {
			if d.fn == nil || d.fn.Results == nil {
				continue
			}
			for _, r := range d.fn.Results.List {
				if types.ExprString(r.Type) == "error" {
					assert.Regexp(t, rule, d.doc, "%s: %s returns an error", dir, name)
				}
			}
		}
	}
}

// Options say what their zero value means, and amounts of memory their unit.
func TestDocOptions(t *testing.T) {
	amount, unit := regexp.MustCompile(`(Size|Bytes|Receive|Response|Limit|Keep|Buffer|SizeBuckets)$`), regexp.MustCompile(`\bbytes\b|\b[KMG]iB\b|\bin Dialer\b`)
	rule := regexp.MustCompile(`(?i)\bzero\b|\bnil\b|\bempty\b|\bnone\b|\bas in\b|\bin (Dialer|ListenConfig)\b`)
	optionTypes := map[string][]string{
		".":                     {"ContextOptions", "Dialer", "ListenConfig", "LibraryOptions", "Keepalive"},
		"../pool":               {"Config", "Class"},
		"../metrics/prometheus": {"Options"},
	}
	for dir, types := range optionTypes {
		all := audit(t, dir)
		for _, typ := range types {
			require.Contains(t, all, typ)
			for name, d := range all {
				if d.typ != all[typ] || d.spec == nil {
					continue
				}
				if amount.MatchString(name) {
					assert.Regexp(t, unit, d.doc, "%s: %s: of what?", dir, name)
				}
				if id, ok := d.spec.(*ast.Ident); ok && id.Name == "bool" || name == "Class.Size" {
					continue
				}
				assert.Regexp(t, rule, d.doc, "%s: %s: what if it is not set?", dir, name)
			}
		}
	}
}

// The C functions that comments name are in the C interface, and those that have
// one place in Go are named there.
func TestDocImplements(t *testing.T) {
	function := regexp.MustCompile(`\b(xio_\w+)\(`)
	declared := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(?:\w+ )+\*?(xio_\w+)\(`).FindAllStringSubmatch(readText(t, "../accelio/libxio.h"), -1) {
		declared[m[1]] = true
	}
	implemented := map[string]bool{}
	for _, dir := range []string{".", "../pool"} {
		for name, d := range audit(t, dir) {
			_, block, ok := strings.Cut(d.doc, "Implements:")
			if !ok {
				continue
			}
			found := function.FindAllStringSubmatch(block, -1)
			assert.NotEmpty(t, found, "%s: %s implements nothing", filepath.Base(dir), name)
			for _, m := range found {
				assert.True(t, declared[m[1]], "%s: %s: there is no %s", filepath.Base(dir), name, m[1])
				implemented[m[1]] = true
			}
		}
	}
	rows := regexp.MustCompile("(?m)^\\| ([^|]*) \\| `(?:xio|pool)\\.[A-Z]").FindAllStringSubmatch(readText(t, comingFrom), -1)
	require.NotEmpty(t, rows)
	for _, row := range rows {
		for _, m := range regexp.MustCompile("`(xio_\\w+)`").FindAllStringSubmatch(row[1], -1) {
			if declared[m[1]] {
				assert.True(t, implemented[m[1]], "the comment of what implements %s does not name it", m[1])
			}
		}
	}
}
