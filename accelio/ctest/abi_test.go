// SPDX-License-Identifier: Apache-2.0

package ctest

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	abiTable    = cDir + "/abi.tsv"
	buildScript = "../../scripts/build-accelio.sh"
)

// fact is one line of the table of the interface.
type fact struct{ kind, name, value string }

func (f fact) String() string { return f.kind + "\t" + f.name + "\t" + f.value }

func readFacts(t *testing.T) (facts []fact) {
	t.Helper()
	text, err := os.ReadFile(abiTable)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		part := strings.Split(line, "\t")
		if len(part) != 3 {
			t.Fatalf("%s: not three columns: %q", abiTable, line)
		}
		facts = append(facts, fact{part[0], part[1], part[2]})
	}
	return facts
}

// namesOf returns the sorted names of all facts of some kinds.
func namesOf(facts []fact, kinds ...string) (names []string) {
	for _, f := range facts {
		if slices.Contains(kinds, f.kind) {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	return names
}

const abiPrelude = `#include <libxio.h>
#include <stddef.h>
#include <stdio.h>

/* The text if the expression has the type that follows. */
#ifdef __cplusplus
#include <type_traits>
#define IS(text, expr, ...) (std::is_same<std::decay<decltype(expr)>::type, __VA_ARGS__>::value ? text : "another type")
#define ENUM(type, name) IS(#type, name, enum type)
#define SLAB_CONFIG struct xio_mempool_config::xio_mempool_slab_config
#else
#define IS(text, expr, ...) _Generic((expr), __VA_ARGS__: text, default: "another type")
#define ENUM(type, name) #type /* enumerators of C are int */
#define SLAB_CONFIG struct xio_mempool_slab_config
#endif

int main(void)
{
	struct xio_vmsg msg, *v = &msg;

	(void)v;
`

// abiProgram makes a program, C and C++ at once, that prints all facts as the
// compiler and the library have them.
func abiProgram(t *testing.T, facts []fact) string {
	t.Helper()
	// Within C++ the type lies in the other one's scope.
	scope := strings.NewReplacer("struct xio_mempool_slab_config", "SLAB_CONFIG")
	var b strings.Builder
	b.WriteString(abiPrelude)
	for _, f := range facts {
		is := func(expr, text string) string {
			return fmt.Sprintf("IS(%q, %s, %s)", text, expr, scope.Replace(text))
		}
		// An enumerator of the same name would not do.
		if f.kind == "macro" {
			fmt.Fprintf(&b, "#ifndef %s\n#error \"no macro %[1]s\"\n#endif\n", f.name)
		}
		var format, values string
		switch f.kind {
		case "struct":
			format, values = f.name+"\t%zu", "sizeof("+scope.Replace("struct "+f.name)+")"
		case "field":
			of, field, _ := strings.Cut(f.name, ".")
			_, text, _ := strings.Cut(f.value, " ")
			of = scope.Replace("struct " + of)
			expr := fmt.Sprintf("((%s *)0)->%s", of, field)
			format = f.name + "\t%zu/%zu %s"
			values = fmt.Sprintf("offsetof(%s, %s), sizeof(%s), %s", of, field, expr, is(expr, text))
		case "macro":
			format, values = f.name+"\t%lld", "(long long)("+f.name+")"
		case "enum":
			of, name, _ := strings.Cut(f.name, ".")
			format, values = "%s."+name+"\t%lld", fmt.Sprintf("ENUM(%s, %s), (long long)%[2]s", of, name)
		case "status-text":
			format, values = f.name+"\t%s", "xio_strerror("+f.name+")"
		case "event-text":
			format, values = f.name+"\t%s", "xio_session_event_str("+f.name+")"
		case "typedef":
			format, values = f.name+"\t%s", is("("+f.name+")0", f.value)
		case "function", "inline":
			format, values = f.name+"\t%s", is("&"+f.name, f.value)
		case "call":
			format, values = f.name+"\t%s", is(f.name, f.value)
		default:
			t.Fatalf("%s: unknown kind %q", abiTable, f.kind)
		}
		fmt.Fprintf(&b, "\tprintf(\"%s\\t%s\\n\", %s);\n", f.kind, format, values)
	}
	b.WriteString("\treturn 0;\n}\n")
	return b.String()
}

// library is a libxio: how to compile for it and link with it.
type library struct {
	cflags, ldflags []string
	object          string // the shared library itself
}

// buildLibrary installs the engine as a C library below a fresh folder.
func buildLibrary(t *testing.T) (lib library, prefix string) {
	t.Helper()
	prefix = t.TempDir()
	t.Setenv("CC", compilers(t)[0])
	t.Setenv("CFLAGS", "-O0")
	t.Setenv("DESTDIR", "")
	if out, err := run(t, buildTimeout, buildScript, "--prefix", prefix); err != nil {
		t.Fatalf("%s: %v\n%s", buildScript, err, out)
	}
	dir := filepath.Join(prefix, "lib")
	return library{
		cflags:  []string{"-I" + filepath.Join(prefix, "include"), "-Wall", "-Wextra", "-Wshadow", "-Wpedantic", "-Werror"},
		ldflags: []string{"-L" + dir, "-Wl,-rpath," + dir, "-lxio"},
		object:  filepath.Join(dir, "libxio.so.0"),
	}, prefix
}

// installedLibrary returns the libxio of the system, if there is one; one that
// ACCELIO_PREFIX names must be there.
func installedLibrary(t *testing.T) (lib library, ok bool) {
	t.Helper()
	out, err := run(t, buildTimeout, buildScript, "--check")
	if err != nil {
		if os.Getenv("ACCELIO_PREFIX") != "" {
			t.Fatalf("%s --check: %v\n%s", buildScript, err, out)
		}
		t.Logf("NOTE: the table is not compared with an installed libxio: %s", out)
		return library{}, false
	}
	object := regexp.MustCompile(`(?m)^library: +(.*)$`).FindStringSubmatch(out)
	flags := regexp.MustCompile(`(?m)^cc (.*)prog\.c (.*)$`).FindStringSubmatch(out)
	if object == nil || flags == nil {
		t.Fatalf("%s --check does not tell the library and its flags:\n%s", buildScript, out)
	}
	// Warnings in a header of others are not ours to mend.
	return library{append(strings.Fields(flags[1]), "-w"), strings.Fields(flags[2]), object[1]}, true
}

// dialect is a compiler and the language it is told to compile.
type dialect struct{ compiler, language, standard string }

func dialects(t *testing.T) (all []dialect) {
	t.Helper()
	for _, cc := range compilers(t) {
		all = append(all, dialect{cc, "c", "-std=c11"})
	}
	for _, names := range [][]string{{"c++", "g++"}, {"clang++"}} {
		for _, name := range names {
			if path, err := exec.LookPath(name); err == nil {
				all = append(all, dialect{path, "c++", "-std=c++17"})
				break
			}
		}
	}
	if all[len(all)-1].language != "c++" {
		if os.Getenv("CI") != "" {
			t.Fatal("CI needs a C++ compiler")
		}
		t.Log("NOTE: no C++ compiler")
	}
	return all
}

// seen returns the facts as a compiler and a library have them.
func (lib library) seen(t *testing.T, d dialect, facts []fact) []string {
	t.Helper()
	dir := t.TempDir()
	src, bin := filepath.Join(dir, "abi"), filepath.Join(dir, "abi.bin")
	if err := os.WriteFile(src, []byte(abiProgram(t, facts)), 0o600); err != nil {
		t.Fatal(err)
	}
	// A macro is called for its type alone.
	args := append([]string{d.standard, "-Wno-unevaluated-expression"}, lib.cflags...)
	args = append(args, "-x", d.language, src, "-x", "none", "-o", bin)
	if out, err := run(t, buildTimeout, d.compiler, append(args, lib.ldflags...)...); err != nil {
		t.Fatalf("%s %s: %v\n%s", d.compiler, strings.Join(args, " "), err, out)
	}
	out, err := run(t, runTimeout, bin)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

// declared returns the names that a header declares: of structures, of
// enumerators, of functions and of macros.
func (lib library) declared(t *testing.T) (structs, enumerators, functions, macros []string) {
	t.Helper()
	src := filepath.Join(t.TempDir(), "include.c")
	if err := os.WriteFile(src, []byte("#include <libxio.h>\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	preprocess := func(flag string) string {
		out, err := run(t, buildTimeout, compilers(t)[0], append(slices.Clone(lib.cflags), "-E", flag, src)...)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return out
	}
	find := func(text, pattern string) (names []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	// Behind the preprocessor all that is left in capitals is an enumerator.
	text := preprocess("-P")
	structs = find(text, `struct\s+(xio_\w+)\s*\{`)
	enumerators = find(text, `\b(XIO_\w+)`)
	functions = find(text, `\b((?:xio|vmsg)_\w+)\s*\(`)
	macros = find(preprocess("-dM"), `(?m)^#define ((?:XIO|xio|vmsg)_\w+)`)
	macros = slices.DeleteFunc(macros, func(name string) bool { return strings.HasSuffix(name, "_H") })
	return structs, enumerators, functions, macros
}

// changes lists the lines that are in one list only.
func changes(want, got []string) (lines []string) {
	for _, w := range want {
		if !slices.Contains(got, w) {
			lines = append(lines, "- "+w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			lines = append(lines, "+ "+g)
		}
	}
	return lines
}

// compare returns what of a header and a library is not as the table says, and
// what a header declares beyond it.
func (lib library) compare(t *testing.T, d dialect, facts []fact) []string {
	t.Helper()
	var table, enumerators, macros []string
	for _, f := range facts {
		table = append(table, f.String())
		if _, name, ok := strings.Cut(f.name, "."); ok && f.kind == "enum" {
			enumerators = append(enumerators, name)
		}
		if name, _, ok := strings.Cut(f.name, "("); ok && f.kind == "call" {
			macros = append(macros, name)
		}
	}
	s, e, f, m := lib.declared(t)
	return slices.Concat(
		changes(table, lib.seen(t, d, facts)),
		changes(namesOf(facts, "struct"), s),
		changes(enumerators, e),
		changes(namesOf(facts, "function", "inline"), f),
		changes(append(macros, namesOf(facts, "macro")...), m))
}

func noChanges(t *testing.T, lines []string) {
	t.Helper()
	if len(lines) != 0 {
		t.Errorf("not as in %s:\n%s", abiTable, strings.Join(lines, "\n"))
	}
}

// exports returns what a shared library gives to programs, with the version
// of each symbol.
func exports(t *testing.T, path string) (names []string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	soname, err := f.DynString(elf.DT_SONAME)
	if err != nil || !slices.Equal(soname, []string{"libxio.so.0"}) {
		t.Errorf("%s has the soname %v (%v)", path, soname, err)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		switch {
		case s.Section == elf.SHN_UNDEF:
		case s.Section == elf.SHN_ABS && s.Name == "XIO_1.0":
			// The version itself.
		case elf.ST_TYPE(s.Info) != elf.STT_FUNC:
			t.Errorf("%s exports %s, which is no function", path, s.Name)
		case s.VersionIndex.IsHidden():
			t.Errorf("%s hides %s from new programs", path, s.Name)
		default:
			names = append(names, s.Name+"@@"+s.Version)
		}
	}
	return names
}

// globals returns the names that the objects of a static library define for
// all of a program.
func globals(t *testing.T, archive string) (names []string) {
	t.Helper()
	dir := t.TempDir()
	ar := os.Getenv("AR")
	if ar == "" {
		ar = "ar"
	}
	if out, err := run(t, buildTimeout, ar, "x", "--output", dir, archive); err != nil {
		t.Fatalf("%s: %v\n%s", ar, err, out)
	}
	objects, err := filepath.Glob(filepath.Join(dir, "*.o"))
	if err != nil || len(objects) == 0 {
		t.Fatalf("nothing in %s (%v)", archive, err)
	}
	for _, o := range objects {
		f, err := elf.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		symbols, err := f.Symbols()
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", o, err)
		}
		for _, s := range symbols {
			if s.Section != elf.SHN_UNDEF && elf.ST_BIND(s.Info) != elf.STB_LOCAL {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

func TestABI(t *testing.T) {
	facts := readFacts(t)
	lib, prefix := buildLibrary(t)
	functions := namesOf(facts, "function")
	var versioned []string
	for _, name := range functions {
		versioned = append(versioned, name+"@@XIO_1.0")
	}

	// So no header can have a field that the table does not know.
	t.Run("fields fill their structures", func(t *testing.T) {
		var of string
		var size, end int
		for _, f := range append(facts, fact{kind: "struct"}) {
			switch f.kind {
			case "struct":
				if end != size {
					t.Errorf("struct %s: fields end at %d of %d bytes", of, end, size)
				}
				of, size, end = f.name, 0, 0
				fmt.Sscan(f.value, &size)
			case "field":
				var at, n int
				if _, err := fmt.Sscanf(f.value, "%d/%d", &at, &n); err != nil || !strings.HasPrefix(f.name, of+".") {
					t.Fatalf("%v: not below its structure (%v)", f, err)
				}
				if at > end {
					t.Errorf("%v: %d bytes before it are no field", f, at-end)
				}
				end = max(end, at+n)
			}
		}
	})

	for _, d := range dialects(t) {
		t.Run(filepath.Base(d.compiler)+" "+d.standard, func(t *testing.T) {
			noChanges(t, lib.compare(t, d, facts))
		})
	}

	t.Run("exports", func(t *testing.T) {
		if len(functions) != 57 {
			t.Errorf("%d functions in the table", len(functions))
		}
		noChanges(t, changes(versioned, exports(t, lib.object)))
	})

	// Programs have their own names; ours must not meet them.
	t.Run("static library", func(t *testing.T) {
		public := slices.DeleteFunc(globals(t, filepath.Join(prefix, "lib", "libxio.a")), func(name string) bool {
			return strings.HasPrefix(name, "xe_")
		})
		noChanges(t, changes(functions, public))
	})

	t.Run("header takes no other names", func(t *testing.T) {
		text, err := os.ReadFile(filepath.Join(prefix, "include", "libxio.h"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^\s*#\s*define\s+(\w+)`).FindAllStringSubmatch(string(text), -1) {
			if !regexp.MustCompile(`^(XIO|vmsg)_|^LIBXIO_H$`).MatchString(m[1]) {
				t.Errorf("libxio.h defines %s", m[1])
			}
		}
	})

	// The facts are those of the library that they are said to be of.
	if installed, ok := installedLibrary(t); ok {
		for _, d := range dialects(t) {
			t.Run("installed "+filepath.Base(d.compiler)+" "+d.standard, func(t *testing.T) {
				noChanges(t, installed.compare(t, d, facts))
			})
		}
		t.Run("installed exports", func(t *testing.T) {
			lacks := changes(versioned, exports(t, installed.object))
			// Without RDMA the real library is built without these.
			noChanges(t, slices.DeleteFunc(lacks, func(line string) bool {
				return strings.HasPrefix(line, "- xio_lookup_rkey_by_re")
			}))
		})
	}
}

// Every kind of change to the header is noticed.
func TestABIChanges(t *testing.T) {
	facts := readFacts(t)
	lib, prefix := buildLibrary(t)
	header := filepath.Join(prefix, "include", "libxio.h")
	original, err := os.ReadFile(header)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, to, change string }{
		{"size", "uint32_t\t\tconn_idx;", "uint64_t\t\tconn_idx;", "+ struct\txio_connection_params\t48"},
		{"offset", "int\tprobes;", "int\tnone;\n\tint\tprobes;", "+ field\txio_options_keepalive.probes\t4/4 int"},
		{"type", "char\t\t\t*uri;\n", "void\t\t\t*uri;\n", "+ field\txio_session_attr.uri\t16/8 another type"},
		{"callback", "int (*on_msg)(struct xio_session *session", "int (*on_msg)(struct xio_context *session", "+ field\txio_session_ops.on_msg\t32/8 another type"},
		{"enumerator", "XIO_BASE_STATUS + 17,", "XIO_BASE_STATUS + 70,", "+ enum\txio_status.XIO_E_TIMEOUT\t1247689370"},
		{"new enumerator", "\tXIO_PROTO_TCP\n", "\tXIO_PROTO_TCP,\n\tXIO_PROTO_SHM\n", "+ XIO_PROTO_SHM"},
		{"macro", "XIO_MAX_IOV\t\t256", "XIO_MAX_IOV\t\t255", "+ macro\tXIO_MAX_IOV\t255"},
		{"new macro", "#define XIO_MAX_IOV", "#define XIO_MIN_IOV 1\n#define XIO_MAX_IOV", "+ XIO_MIN_IOV"},
		{"typedef", "(*xio_ev_handler_t)(int fd, int events", "(*xio_ev_handler_t)(int fd, unsigned events", "+ typedef\txio_ev_handler_t\tanother type"},
		{"function", "int xio_errno(void);", "long xio_errno(void);", "+ function\txio_errno\tanother type"},
		{"new function", "int xio_errno(void);", "int xio_errno(void);\nint xio_mempool_create_ex(void);", "+ xio_mempool_create_ex"},
		{"new structure", "struct xio_sge {", "struct xio_more { int more; };\nstruct xio_sge {", "+ xio_more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(string(original), c.from, c.to, 1)
			if changed == string(original) {
				t.Fatalf("no %q in the header", c.from)
			}
			if err := os.WriteFile(header, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := lib.compare(t, dialects(t)[0], facts); !slices.Contains(got, c.change) {
				t.Errorf("%q is not among the changes:\n%s", c.change, strings.Join(got, "\n"))
			}
		})
	}
}
