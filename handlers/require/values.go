package require

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// objectType is the type of a variable with fields of known types. An unknown field is
// an error when an expression is compiled.
type objectType struct {
	cel    *cel.Type
	fields fields
}

type fields map[string]*types.FieldType

func newObjectType(name string, f fields) *objectType {
	return &objectType{cel: types.NewObjectType(name, traits.IndexerType|traits.FieldTesterType), fields: f}
}

// newField returns a field that get reads. has() is false for empty text.
func newField(t *cel.Type, get func(*scope) any) *types.FieldType {
	return &types.FieldType{
		Type: t,
		GetFrom: func(target any) (any, error) {
			value := get(target.(*object).scope)
			if err, failed := value.(*types.Err); failed {
				return nil, err
			}
			return value, nil
		},
		IsSet: func(target any) bool { return get(target.(*object).scope) != "" },
	}
}

// registerObjectTypes adds the object types to an environment.
func registerObjectTypes(env *cel.Env) (*cel.Env, error) {
	p := provider{Provider: env.CELTypeProvider(), types: make(map[string]*objectType)}
	for _, t := range []*objectType{socketType, eventType, httpType, requestType, roomType} {
		p.types[t.cel.TypeName()] = t
	}
	return cel.CustomTypeProvider(p)(env)
}

// provider has the object types in addition to CEL's types.
type provider struct {
	types.Provider
	types map[string]*objectType
}

func (p provider) FindStructType(name string) (*types.Type, bool) {
	if t, ok := p.types[name]; ok {
		return types.NewTypeTypeWithParam(t.cel), true
	}
	return p.Provider.FindStructType(name)
}

func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	if _, ok := p.types[name]; ok {
		return nil, true // expressions can't make one
	}
	return p.Provider.FindStructFieldNames(name)
}

func (p provider) FindStructFieldType(name, fieldName string) (*types.FieldType, bool) {
	if t, ok := p.types[name]; ok {
		f, ok := t.fields[fieldName]
		return f, ok
	}
	return p.Provider.FindStructFieldType(name, fieldName)
}

// object is a value of an [objectType] in a scope.
type object struct {
	*objectType
	scope *scope
}

func (o *object) Type() ref.Type { return o.cel }
func (o *object) Value() any     { return o }

func (o *object) Equal(other ref.Val) ref.Val { return types.Bool(ref.Val(o) == other) }

func (o *object) ConvertToNative(reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s has no other form", o.cel.TypeName())
}

func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.cel
	}
	return types.NewErr("%s can't be converted to %s", o.cel.TypeName(), t.TypeName())
}

// Get and IsSet find fields of an object whose type is unknown at compile time, as in
// dyn(socket).id.
func (o *object) Get(name ref.Val) ref.Val {
	f, ok := o.findField(name)
	if !ok {
		return types.NewErr("no such field: %v", name.Value())
	}
	value, err := f.GetFrom(o)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}

func (o *object) IsSet(name ref.Val) ref.Val {
	f, ok := o.findField(name)
	return types.Bool(ok && f.IsSet(o))
}

func (o *object) findField(name ref.Val) (*types.FieldType, bool) {
	text, _ := name.(types.String)
	f, ok := o.fields[string(text)]
	return f, ok
}

// lazy is a value that is parsed once, with its first use.
type lazy struct {
	parse func() ref.Val
	value ref.Val
}

func (l *lazy) getOnce(parse func() ref.Val) ref.Val {
	if l.value == nil {
		l.value = parse()
	}
	return l.value
}

// adapter makes CEL values of Go values and of lazy values.
type adapter struct{}

func (adapter) NativeToValue(value any) ref.Val {
	if l, ok := value.(*lazy); ok {
		return l.getOnce(l.parse)
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}

// foldedMap is a map that ignores the case of keys. The keys of the map inside are in
// lower case.
type foldedMap struct{ traits.Mapper }

func (m foldedMap) Find(key ref.Val) (ref.Val, bool) { return m.Mapper.Find(foldCase(key)) }
func (m foldedMap) Get(key ref.Val) ref.Val          { return m.Mapper.Get(foldCase(key)) }
func (m foldedMap) Contains(key ref.Val) ref.Val     { return m.Mapper.Contains(foldCase(key)) }

func foldCase(key ref.Val) ref.Val {
	if text, ok := key.(types.String); ok {
		return types.String(strings.ToLower(string(text)))
	}
	return key
}

var emptyMap = types.DefaultTypeAdapter.NativeToValue(map[string]any{})

// celValue returns JSON as a CEL value. A number without a fraction or an exponent
// becomes an int, or a uint if it is too large. They are exact, unlike doubles, so that
// two different ids never compare as equal. All other numbers become double. CEL
// compares the three with each other. Binary values become bytes.
func celValue(d sio.Data) ref.Val {
	text := bytes.TrimSpace(d.JSON)
	if len(text) > 0 && text[0] == '"' {
		return types.String(d.Text())
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return types.WrapErr(err)
	}
	value, err := celNative(value, d.Attachments)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}

// celNative replaces numbers and binary values in decoded JSON by their Go values.
func celNative(value any, attachments [][]byte) (any, error) {
	var err error
	switch value := value.(type) {
	case json.Number:
		return celNumber(value.String())
	case []any:
		for i, member := range value {
			if value[i], err = celNative(member, attachments); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if value["_placeholder"] == true {
			return celBytes(value["num"], attachments)
		}
		for key, member := range value {
			if value[key], err = celNative(member, attachments); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

func celNumber(text string) (any, error) {
	if !strings.ContainsAny(text, ".eE") {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i, nil
		}
		if u, err := strconv.ParseUint(text, 10, 64); err == nil {
			return u, nil
		}
	}
	return strconv.ParseFloat(text, 64)
}

var errAttachment = errors.New("a binary value is missing")

func celBytes(num any, attachments [][]byte) (any, error) {
	text, _ := num.(json.Number)
	i, err := strconv.Atoi(text.String())
	if err != nil || i < 0 || i >= len(attachments) {
		return nil, errAttachment
	}
	return attachments[i], nil
}
