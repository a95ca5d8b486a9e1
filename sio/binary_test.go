package sio

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestBinaryIsDollarObjectInJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		data Data
		json string
	}{
		{"text", newData(`{"a":[1,"x",null]}`), `{"a":[1,"x",null]}`},
		{"number", newData(`12345678901234567890`), `12345678901234567890`},
		{"null", newData(`null`), `null`},
		{"binary", newData(placeholder0, "\x01\x02\x03"), `{"$binary":"AQID"}`},
		{"empty binary", newData(placeholder0, ""), `{"$binary":""}`},
		{"nested", newData(`[{"a":`+placeholder0+`},[`+placeholder1+`],2]`, "a", "bc"), `[{"a":{"$binary":"YQ=="}},[{"$binary":"YmM="}],2]`},
		{"another key beside it", newData(`{"$binary":"YQ==","x":1}`), `{"$binary":"YQ==","x":1}`},
		{"not the key", newData(`{"$binaries":"YQ=="}`), `{"$binaries":"YQ=="}`},
		{"false placeholder", newData(`{"_placeholder":false,"num":0}`), `{"_placeholder":false,"num":0}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text, err := json.Marshal(test.data)
			if err != nil || string(text) != test.json {
				t.Errorf("marshalled: %s %v", text, err)
			}
			var d Data
			if err := json.Unmarshal([]byte(test.json), &d); err != nil || !equalData(d, test.data) {
				t.Errorf("unmarshalled: %s %q %v", d.JSON, d.Attachments, err)
			}
		})
	}
}

func TestMarshalJSONChecksPlaceholders(t *testing.T) {
	t.Parallel()
	if text, err := json.Marshal(Data{}); err != nil || string(text) != "null" {
		t.Errorf("no value: %s %v", text, err)
	}
	turned := newData(`[`+placeholder1+`,{"num":0,"x":[{}],"_placeholder":true}]`, "a", "b")
	if text, err := json.Marshal(turned); err != nil || string(text) != `[{"$binary":"Yg=="},{"$binary":"YQ=="}]` {
		t.Errorf("out of order: %s %v", text, err)
	}
	for _, invalid := range []Data{newData(placeholder0), newData(placeholder1, "a"), newData(`[`+placeholder0+`,`+placeholder0+`]`, "a"), newData(`{`), newData("\"\xff\"")} {
		if text, err := invalid.MarshalJSON(); !errors.Is(err, ErrData) {
			t.Errorf("%s: got %s %v, want ErrData", invalid.JSON, text, err)
		}
	}
}

func TestUnmarshalJSONRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"placeholder":             placeholder0,
		"placeholder deep down":   `[{"a":` + placeholder0 + `}]`,
		"placeholder in escapes":  `{"_pl\u0061ceholder":true,"num":0}`,
		"placeholder without num": `{"_placeholder":true}`,
		"placeholder by a binary": `[{"$binary":"YQ=="},` + placeholder0 + `]`,
		"not base64":              `{"$binary":"!"}`,
		"no padding":              `{"$binary":"YQ"}`,
		"number":                  `{"$binary":1}`,
		"object":                  `{"$binary":{"base64":"YQ=="}}`,
		"escaped key":             `{"\u0024binary":1}`,
		"in a binary":             `{"$binary":{"$binary":"YQ=="}}`,
		"too deep":                strings.Repeat("[", 129) + strings.Repeat("]", 129),
		"invalid UTF-8":           "\"\xff\"",
		"invalid":                 `{`,
		"nothing":                 ``,
	} {
		d := newData(`"before"`)
		if err := d.UnmarshalJSON([]byte(text)); !errors.Is(err, ErrData) {
			t.Errorf("%s: got %s %v, want ErrData", name, d, err)
		}
		if string(d.JSON) != `"before"` {
			t.Errorf("%s: changed to %s", name, d)
		}
	}
}

func TestUnmarshalJSONCopies(t *testing.T) {
	t.Parallel()
	text := []byte(`["abc"]`)
	var d Data
	if err := d.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	clear(text)
	if string(d.JSON) != `["abc"]` {
		t.Errorf("changed with its text: %q", d.JSON)
	}
}
