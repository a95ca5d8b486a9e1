package hub_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// maxMethods is the limit of exported methods of a type, besides emitFlags.
const maxMethods = 12

// emitFlags begin or change an emit. They are the same on all types that emit.
var emitFlags = []string{"All", "Broadcast", "Compress", "Except", "In", "Local", "Timeout", "To", "Volatile"}

func TestTypesHaveFewMethods(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[*hub.Namespace](), reflect.TypeFor[*hub.Socket]()} {
		var names []string
		for method := range typ.Methods() {
			if name := method.Name; !slices.Contains(emitFlags, name) {
				names = append(names, name)
			}
		}
		if len(names) > maxMethods {
			t.Errorf("%v has %d methods, the limit is %d: %s", typ, len(names), maxMethods, strings.Join(names, ", "))
		}
	}
}

// Other modules can't import internal packages: signatures use exported aliases of their
// types.
func TestSignaturesNameNoInternalPackage(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		internal := listInternalImports(file)
		for _, typ := range listExportedTypes(file) {
			ast.Inspect(typ, func(n ast.Node) bool {
				selector, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if name, ok := selector.X.(*ast.Ident); ok && slices.Contains(internal, name.Name) {
					t.Errorf("%s: %s.%s is of an internal package", files.Position(n.Pos()), name.Name, selector.Sel.Name)
				}
				return false
			})
		}
	}
}

// listExportedTypes returns the type of each exported function, method, type, field and
// variable, but aliases.
func listExportedTypes(file *ast.File) (types []ast.Expr) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.IsExported() && isExportedReceiver(n.Recv) {
				types = append(types, n.Type)
			}
			return false
		case *ast.TypeSpec:
			if n.Name.IsExported() && !n.Assign.IsValid() {
				types = append(types, listExportedFields(n.Type)...)
			}
			return false
		case *ast.ValueSpec:
			if n.Names[0].IsExported() && n.Type != nil {
				types = append(types, n.Type)
			}
			return false
		}
		return true
	})
	return types
}

// listExportedFields returns the types of the exported fields of a struct, or another type
// as it is.
func listExportedFields(typ ast.Expr) (types []ast.Expr) {
	structure, ok := typ.(*ast.StructType)
	if !ok {
		return []ast.Expr{typ}
	}
	for _, field := range structure.Fields.List {
		if len(field.Names) == 0 || field.Names[0].IsExported() {
			types = append(types, field.Type)
		}
	}
	return types
}

// listInternalImports returns the names of the internal packages that a file imports.
func listInternalImports(file *ast.File) (names []string) {
	for _, spec := range file.Imports {
		if path := strings.Trim(spec.Path.Value, `"`); strings.Contains(path, "/internal/") {
			names = append(names, filepath.Base(path))
		}
	}
	return names
}

// isExportedReceiver reports whether a function has no receiver or one of an exported
// type.
func isExportedReceiver(receiver *ast.FieldList) bool {
	if receiver == nil {
		return true
	}
	typ := receiver.List[0].Type
	if pointer, ok := typ.(*ast.StarExpr); ok {
		typ = pointer.X
	}
	return typ.(*ast.Ident).IsExported()
}
