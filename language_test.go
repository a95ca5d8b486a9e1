package socketio_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The limits of a package's language and size. A name that is one common word can be
// neither guessed nor found with grep, and a comment whose subject is "what" or "who"
// hides the name of the thing. These numbers only ever fall.
const (
	maxVagueWords    = 0.5 // "what", "who" and "those" in 1,000 words of comments
	maxOneWordNames  = 20  // percent of a package's unexported functions
	maxSharedNames   = 3   // names that four or more unexported functions of the module have
	maxFunctionLines = 70
	maxFileLines     = 400
	maxEngineFields  = 20 // of a struct in internal/engine
)

// source is the parsed production code of one package.
type source struct {
	dir   string
	set   *token.FileSet
	files []*ast.File
}

// parseModule returns the packages of this module, tests excluded.
func parseModule(t *testing.T) []*source {
	t.Helper()
	packages := make(map[string]*source)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if packages[dir] == nil {
			packages[dir] = &source{dir: dir, set: token.NewFileSet()}
		}
		p := packages[dir]
		file, err := parser.ParseFile(p.set, path, nil, parser.ParseComments)
		p.files = append(p.files, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	list := make([]*source, 0, len(packages))
	for _, p := range packages {
		list = append(list, p)
	}
	return list
}

// functions yields the functions and methods of a package.
func (p *source) functions(yield func(*ast.FuncDecl) bool) {
	for _, file := range p.files {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && !yield(f) {
				return
			}
		}
	}
}

func (p *source) lines(n ast.Node) int {
	return p.set.Position(n.End()).Line - p.set.Position(n.Pos()).Line + 1
}

var commentWord = regexp.MustCompile(`[A-Za-z][A-Za-z'’-]*`)

func TestCommentsNameTheirSubjects(t *testing.T) {
	for _, p := range parseModule(t) {
		words := 0
		var vague []string
		for _, file := range p.files {
			for _, comment := range file.Comments {
				for _, word := range commentWord.FindAllString(comment.Text(), -1) {
					words++
					if slices.Contains([]string{"what", "who", "those"}, strings.ToLower(word)) {
						vague = append(vague, p.set.Position(comment.Pos()).String()+": "+word)
					}
				}
			}
		}
		if rate := 1000 * float64(len(vague)) / float64(max(words, 1)); rate > maxVagueWords {
			t.Errorf("%s: %.1f of 1,000 words in comments are what, who or those, at most %.1f may be:\n\t%s", p.dir, rate, maxVagueWords, strings.Join(vague, "\n\t"))
		}
	}
}

func TestFunctionNamesCanBeGuessed(t *testing.T) {
	places := make(map[string][]string)
	for _, p := range parseModule(t) {
		unexported := 0
		var oneWord []string
		for f := range p.functions {
			name := f.Name.Name
			if ast.IsExported(name) || name == "main" || name == "init" {
				continue
			}
			unexported++
			places[name] = append(places[name], p.set.Position(f.Pos()).String())
			if strings.ToLower(name) == name {
				oneWord = append(oneWord, p.set.Position(f.Pos()).String()+": "+name)
			}
		}
		if len(oneWord)*100 > maxOneWordNames*unexported && unexported > 5 {
			t.Errorf("%s: %d of %d unexported functions have a name of one word, at most %d %% may:\n\t%s", p.dir, len(oneWord), unexported, maxOneWordNames, strings.Join(oneWord, "\n\t"))
		}
	}
	var shared []string
	for name, where := range places {
		if len(where) >= 4 {
			shared = append(shared, name+": "+strings.Join(where, " "))
		}
	}
	if len(shared) > maxSharedNames {
		slices.Sort(shared)
		t.Errorf("%d names stand for four or more functions each, at most %d may:\n\t%s", len(shared), maxSharedNames, strings.Join(shared, "\n\t"))
	}
}

// TestDocCommentsBeginWithTheirName finds comments that describe a function, type or
// interface method by another name, as a rename leaves them.
func TestDocCommentsBeginWithTheirName(t *testing.T) {
	for _, p := range parseModule(t) {
		check := func(name *ast.Ident, doc *ast.CommentGroup) {
			words := strings.Fields(doc.Text())
			if len(words) > 1 && slices.Contains([]string{"A", "An", "The"}, words[0]) {
				words = words[1:]
			}
			if len(words) > 0 && name.Name != "init" && strings.TrimSuffix(strings.TrimRight(words[0], ",:."), "'s") != name.Name {
				t.Errorf("%s: the comment of %s begins with %q", p.set.Position(name.Pos()), name.Name, words[0])
			}
		}
		for _, file := range p.files {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					check(n.Name, n.Doc)
					return false
				case *ast.GenDecl:
					if spec, ok := n.Specs[0].(*ast.TypeSpec); ok && len(n.Specs) == 1 {
						check(spec.Name, n.Doc)
					}
				case *ast.InterfaceType:
					for _, method := range n.Methods.List {
						if len(method.Names) == 1 {
							check(method.Names[0], method.Doc)
						}
					}
				}
				return true
			})
		}
	}
}

func TestFunctionsAndFilesFitTheScreen(t *testing.T) {
	for _, p := range parseModule(t) {
		for f := range p.functions {
			if n := p.lines(f); n > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, at most %d may be", p.set.Position(f.Pos()), f.Name, n, maxFunctionLines)
			}
		}
		for _, file := range p.files {
			if n := p.set.File(file.Pos()).LineCount(); n > maxFileLines {
				t.Errorf("%s has %d lines, at most %d may be", p.set.Position(file.Pos()).Filename, n, maxFileLines)
			}
		}
	}
}

func TestStructsOfTheEngineStaySmall(t *testing.T) {
	for _, p := range parseModule(t) {
		if !strings.HasPrefix(p.dir, "internal/engine") {
			continue
		}
		for _, file := range p.files {
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.StructType); ok && s.Fields.NumFields() > maxEngineFields {
					t.Errorf("%s: a struct has %d fields, at most %d may be", p.set.Position(s.Pos()), s.Fields.NumFields(), maxEngineFields)
				}
				return true
			})
		}
	}
}

// TestGoroutinesAreSpawned finds go statements outside internal/spawn: a goroutine
// that does not recover ends Caddy with its first panic. Packages that only tests
// import, and the module of benchmarks, may start their own.
func TestGoroutinesAreSpawned(t *testing.T) {
	for _, p := range parseModule(t) {
		if p.dir == "internal/spawn" || strings.HasPrefix(p.dir, "test/") || strings.HasPrefix(p.dir, "bench") || strings.HasSuffix(p.dir, "test") {
			continue
		}
		for _, file := range p.files {
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.GoStmt); ok {
					t.Errorf("%s: a bare go statement: start the goroutine with internal/spawn", p.set.Position(s.Pos()))
				}
				return true
			})
		}
	}
}
