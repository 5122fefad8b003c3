package xio_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	comingFrom = "../docs/coming-from.md"
	features   = "../docs/features.md"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// parsePackage is the syntax of a package's files, tests excepted.
func parsePackage(t *testing.T, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, f)
	}
	require.NotEmpty(t, files)
	return files
}

// names are the exported names of a package: "Dial", "Connection.Call",
// "Dialer.Index".
type names map[string]bool

func namesOf(files []*ast.File) names {
	all := names{}
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				all.add(receiver(d), d.Name)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					all.addSpec(s)
				}
			}
		}
	}
	return all
}

func (all names) add(of string, ids ...*ast.Ident) {
	for _, id := range ids {
		if !id.IsExported() || of != "" && !ast.IsExported(of) {
			continue
		}
		if of == "" {
			all[id.Name] = true
		} else {
			all[of+"."+id.Name] = true
		}
	}
}

func (all names) addSpec(s ast.Spec) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		all.add("", s.Names...)
	case *ast.TypeSpec:
		all.add("", s.Name)
		var fields *ast.FieldList
		switch t := s.Type.(type) {
		case *ast.StructType:
			fields = t.Fields
		case *ast.InterfaceType:
			fields = t.Methods
		default:
			return
		}
		for _, f := range fields.List {
			all.add(s.Name.Name, f.Names...)
		}
	}
}

// receiver is the type a method belongs to.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// Every Go name on the pages exists.
func TestDocGoNames(t *testing.T) {
	packages := map[string]names{
		"xio":          namesOf(parsePackage(t, ".")),
		"pool":         namesOf(parsePackage(t, "../pool")),
		"messenger":    namesOf(parsePackage(t, "../messenger")),
		"xiomessenger": namesOf(parsePackage(t, "../messenger/xiomessenger")),
	}
	require.True(t, packages["xio"]["Connection.Call"] && packages["pool"]["Source.Get"])
	goName := regexp.MustCompile(`\b(xio|pool|messenger|xiomessenger)\.([A-Z]\w*(?:\.[A-Z]\w*)?)`)
	pages, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	found := map[string]bool{}
	for _, page := range append(pages, "../README.md", "../CONTRIBUTING.md", "../SECURITY.md") {
		for _, m := range goName.FindAllStringSubmatch(readText(t, page), -1) {
			found[page] = true
			assert.True(t, packages[m[1]][m[2]], "%s: %s does not exist", page, m[0])
		}
	}
	// In tables of names, who writes without the package's name escapes the check above.
	for _, page := range []string{comingFrom, features} {
		require.True(t, found[page], page)
		for span := range strings.SplitSeq(readText(t, page), "`") {
			for name := range packages["xio"] {
				if strings.Contains(name, ".") {
					assert.NotEqual(t, name, span, "%s: without its package", page)
				}
			}
		}
	}
}

// Nothing of the C interface is left out of the page.
func TestDocComingFromC(t *testing.T) {
	header, page := readText(t, "../accelio/libxio.h"), readText(t, comingFrom)
	for _, tc := range []struct {
		what, pattern string
		count         int
	}{
		{"functions", `(?m)^(?:\w+ )+\*?(xio_\w+)\(`, 57},
		{"callbacks", `\(\*((?:on|assign)_\w+)\)`, 12},
		{"session events", `\b(XIO_SESSION_\w*EVENT)\b`, 12},
		{"message flags", `\b(XIO_MSG_FLAG_\w+)`, 5},
		{"options", `\b(XIO_OPTNAME_\w+)`, 30},
	} {
		declared := map[string]bool{}
		for _, m := range regexp.MustCompile(tc.pattern).FindAllStringSubmatch(header, -1) {
			if !strings.HasPrefix(m[0], "static ") {
				declared[m[1]] = true
			}
		}
		assert.Len(t, declared, tc.count, tc.what)
		for name := range declared {
			there := regexp.MustCompile("`[^`\n]*\\b" + name + "\\b").MatchString(page)
			assert.True(t, there, "%s: %s is not on the page", tc.what, name)
		}
	}
}

// What the package's comments refer to exists: links, and members of its types.
func TestDocReferences(t *testing.T) {
	files := parsePackage(t, ".")
	ours, theirs := namesOf(files), namesOf(parsePackage(t, "../pool"))
	link := regexp.MustCompile(`\[\*?(pool\.)?([A-Z]\w*(?:\.[A-Z]\w*)?)\]`)
	member := regexp.MustCompile(`\b([A-Z]\w*)\]?\.([A-Z]\w*)`)
	checked := 0
	for _, f := range files {
		for _, group := range f.Comments {
			text := group.Text()
			for _, m := range link.FindAllStringSubmatch(text, -1) {
				in := ours
				if m[1] != "" {
					in = theirs
				}
				assert.True(t, in[m[2]], "%s does not exist", m[0])
				checked++
			}
			for _, m := range member.FindAllStringSubmatch(text, -1) {
				name := m[1] + "." + m[2]
				if !ours[m[1]] || strings.Contains(text, "pool."+name) {
					continue
				}
				assert.True(t, ours[name], "%s does not exist", name)
				checked++
			}
		}
	}
	require.Greater(t, checked, 50)
}
