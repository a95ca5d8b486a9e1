package sio

import (
	"bytes"
	"crypto/rand"
	"encoding"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Marshal returns v as Data. It follows the rules of [json.Marshal], with two
// exceptions: a []byte anywhere in v becomes a binary value (nil becomes null), and a
// Data keeps its attachments. Types with a MarshalJSON or MarshalText, such as
// [json.RawMessage], use it.
//
// Byte slices are copied. Marshal fails on values that JSON cannot express, on objects
// that look like a placeholder, and on nesting deeper than 1000 levels. Errors wrap
// ErrData.
func Marshal(v any) (Data, error) {
	switch v := v.(type) {
	case Data:
		if len(v.JSON) > 0 {
			valid, _, err := v.markValid()
			return valid, err
		}
	case []byte:
		if v != nil {
			return newBinaryData(bytes.Clone(v)), nil
		}
	}
	var c collector
	copied, _, err := c.collectValue(reflect.ValueOf(v), maxDepth)
	if err != nil {
		return Data{}, err
	}
	if len(c.values) > 0 {
		v = copied.Interface()
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return Data{}, fmt.Errorf("%w: %w", ErrData, err)
	}
	d, err := c.restoreValues(bytes.TrimRight(text.Bytes(), "\n"))
	if err == nil {
		d, _, err = d.markValid()
	}
	if err != nil {
		return Data{}, err
	}
	return d, nil
}

// collector takes the binary values out of a Go value. Package encoding/json has no hook
// for byte slices, and a reimplementation of its struct tags would be a second
// encoding/json. So the collector copies the value with a token in place of each byte
// slice. Then it finds the base64 of the token in the JSON text. Tokens are random: no
// text of the value can equal one.
type collector struct {
	prefix []byte // tokenPrefix random bytes; nil before the first value
	values []Data // by the number in their token
}

// Sizes of a token in bytes. Both parts are a multiple of three, so that the
// base64 of the prefix is a prefix of the token's base64.
const (
	tokenPrefix = 18
	tokenNumber = 6
)

// addToken stores d and returns its token.
func (c *collector) addToken(d Data) []byte {
	if c.prefix == nil {
		c.prefix = make([]byte, tokenPrefix)
		rand.Read(c.prefix)
	}
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(len(c.values)))
	c.values = append(c.values, d)
	return append(bytes.Clone(c.prefix), number[8-tokenNumber:]...)
}

// restoreValues returns the JSON text with the values in place of their tokens.
func (c *collector) restoreValues(text []byte) (Data, error) {
	if len(c.values) == 0 {
		return Data{JSON: text}, nil
	}
	prefix := base64.StdEncoding.AppendEncode(nil, c.prefix)
	var out Data
	for {
		i := bytes.Index(text, prefix)
		if i < 0 {
			out.JSON = append(out.JSON, text...)
			return out, nil
		}
		end := i + base64.StdEncoding.EncodedLen(tokenPrefix+tokenNumber)
		number := make([]byte, 8-tokenNumber, 8)
		number, err := base64.StdEncoding.AppendDecode(number, text[i+len(prefix):end])
		if err != nil {
			return Data{}, fmt.Errorf("%w: %w", ErrData, err)
		}
		value := c.values[binary.BigEndian.Uint64(number)]
		marks, err := value.findPlaceholders()
		if err != nil {
			return Data{}, err
		}
		out.JSON = append(out.JSON, text[:i-1]...) // without the token's quotes
		out.appendPart(value, 0, len(value.JSON), marks)
		text = text[end+1:]
	}
}

var (
	dataType          = reflect.TypeFor[Data]()
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

// hasMarshaler reports whether values of t have a method that returns their JSON or text.
func hasMarshaler(t reflect.Type) bool {
	for _, t := range [...]reflect.Type{t, reflect.PointerTo(t)} {
		if t.Implements(marshalerType) || t.Implements(textMarshalerType) {
			return true
		}
	}
	return false
}

// collectValue returns a copy of v with tokens for binary values, or v itself if it has
// none.
func (c *collector) collectValue(v reflect.Value, depth int) (out reflect.Value, changed bool, err error) {
	if depth == 0 {
		return v, false, fmt.Errorf("%w: nested too deep", ErrData)
	}
	if !v.IsValid() {
		return v, false, nil
	}
	if v.Type() == dataType {
		return c.collectData(v)
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		if v.IsNil() {
			return v, false, nil
		}
	}
	if v.Kind() == reflect.Interface {
		return c.collectValue(v.Elem(), depth-1)
	}
	if v.Type() != reflect.PointerTo(dataType) && hasMarshaler(v.Type()) {
		return v, false, nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return c.collectPointer(v, depth)
	case reflect.Slice:
		if elem := v.Type().Elem(); elem.Kind() == reflect.Uint8 && !hasMarshaler(elem) {
			return c.collectBytes(v)
		}
		return c.collectList(v, depth)
	case reflect.Array:
		return c.collectList(v, depth)
	case reflect.Map:
		return c.collectMap(v, depth)
	case reflect.Struct:
		out = reflect.New(v.Type()).Elem()
		out.Set(v)
		changed, err = c.collectFields(out, depth)
		return out, changed, err
	}
	return v, false, nil
}

// collectData replaces a Data that has attachments by a token.
func (c *collector) collectData(v reflect.Value) (reflect.Value, bool, error) {
	d := v.Interface().(Data)
	if len(d.Attachments) == 0 {
		return v, false, nil
	}
	return reflect.ValueOf(Data{JSON: appendBase64(nil, c.addToken(d))}), true, nil
}

// collectBytes replaces a byte slice by a token.
func (c *collector) collectBytes(v reflect.Value) (reflect.Value, bool, error) {
	token := c.addToken(newBinaryData(bytes.Clone(v.Bytes())))
	out := reflect.New(v.Type()).Elem()
	out.SetBytes(token)
	return out, true, nil
}

// collectPointer replaces the binary values behind a pointer.
func (c *collector) collectPointer(v reflect.Value, depth int) (reflect.Value, bool, error) {
	elem, changed, err := c.collectValue(v.Elem(), depth-1)
	if !changed {
		return v, false, err
	}
	out := reflect.New(v.Type().Elem())
	out.Elem().Set(elem)
	return out.Convert(v.Type()), true, err
}

// collectList replaces the binary values in a slice or array.
func (c *collector) collectList(v reflect.Value, depth int) (out reflect.Value, changed bool, err error) {
	out = v
	for i := range v.Len() {
		member, replaced, err := c.collectValue(v.Index(i), depth-1)
		if err != nil {
			return v, false, err
		}
		if replaced && !changed {
			changed = true
			out = reflect.New(v.Type()).Elem()
			if v.Kind() == reflect.Slice {
				out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			}
			reflect.Copy(out, v)
		}
		if replaced {
			out.Index(i).Set(member)
		}
	}
	return out, changed, nil
}

// collectMap replaces the binary values in the values of a map.
func (c *collector) collectMap(v reflect.Value, depth int) (out reflect.Value, changed bool, err error) {
	out = v
	for members := v.MapRange(); members.Next(); {
		member, replaced, err := c.collectValue(members.Value(), depth-1)
		if err != nil {
			return v, false, err
		}
		if replaced && !changed {
			changed = true
			out = cloneMap(v)
		}
		if replaced {
			out.SetMapIndex(members.Key(), member)
		}
	}
	return out, changed, nil
}

// cloneMap returns a shallow copy of a map.
func cloneMap(v reflect.Value) reflect.Value {
	out := reflect.MakeMapWithSize(v.Type(), v.Len())
	for members := v.MapRange(); members.Next(); {
		out.SetMapIndex(members.Key(), members.Value())
	}
	return out
}

// collectFields replaces the binary values in the fields of v, which is a copy already.
func (c *collector) collectFields(v reflect.Value, depth int) (changed bool, err error) {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		replaced := false
		switch {
		case field.Anonymous && field.Type.Kind() == reflect.Struct && !hasMarshaler(field.Type):
			// In place: the type may be unexported, its fields are exported.
			replaced, err = c.collectFields(value, depth-1)
		case field.IsExported() && !isOmitted(field, value):
			var out reflect.Value
			if out, replaced, err = c.collectValue(value, depth-1); replaced {
				value.Set(out)
			}
		}
		if err != nil {
			return false, err
		}
		changed = changed || replaced
	}
	return changed, nil
}

// isOmitted reports whether encoding/json omits a field because it is empty. With a
// token in it, the field would appear.
func isOmitted(field reflect.StructField, value reflect.Value) bool {
	_, options, _ := strings.Cut(field.Tag.Get("json"), ",")
	return value.Kind() == reflect.Slice && value.Len() == 0 && strings.Contains(options, "omitempty")
}
