package sio

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Decode stores the value in the variable that into points to, as [json.Unmarshal]
// does. A []byte gets a binary value, or the bytes of a base64 string. An any gets a
// binary value anywhere in it as []byte. A *Data gets the value itself, and a *[]Data
// the members of an array. A string gets a binary value as base64. Errors wrap ErrData.
func (d Data) Decode(into any) error {
	var err error
	switch into := into.(type) {
	case *Data:
		if err = d.checkValid(); err == nil {
			*into = d
		}
		return err
	case *[]Data:
		if d.isArray() {
			*into = slices.Collect(d.Elements())
			return d.checkValid()
		}
	case *any:
		return d.decodeAny(into)
	}
	text, err := d.renderBinary(appendBase64)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	return nil
}

// isArray reports whether the value begins as an array.
func (d Data) isArray() bool {
	s := d.newScanner()
	return s.openContainer('[')
}

// decodeAny stores the value in into, with binary values as []byte.
func (d Data) decodeAny(into *any) error {
	if err := d.checkValid(); err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(d.JSON, &v); err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	*into = d.attachBinary(v)
	return nil
}

// attachBinary replaces the placeholders in v, which comes from checked text, by
// attachments.
func (d Data) attachBinary(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v["_placeholder"] == true {
			num, _ := v["num"].(float64)
			return d.Attachments[int(num)]
		}
		for key, member := range v {
			v[key] = d.attachBinary(member)
		}
	case []any:
		for i, member := range v {
			v[i] = d.attachBinary(member)
		}
	}
	return v
}
