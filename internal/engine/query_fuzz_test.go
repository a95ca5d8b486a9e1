package engine

import (
	"net/url"
	"testing"
)

func FuzzQueryIsReadLikeNetURL(f *testing.F) {
	for _, seed := range []string{
		"EIO=4&transport=polling&t=Nx1&sid=abc", "EIO=3&EIO=4", "sid", "sid=&j=0&b64=1", "&&=&=x&j",
		"transport=web%73ocket", "sid=a+b&transport=polling", "a;b&EIO=3", "sid=%zz&EIO=4", "EIO==4&sid=a=b", "si\x00d=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := ParseQuery(raw)
		values, wantErr := url.ParseQuery(raw)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: got error %v, want %v", raw, err, wantErr)
		}
		last := func(name string) string {
			if all := values[name]; len(all) > 0 {
				return all[len(all)-1]
			}
			return ""
		}
		want := Query{
			transport: last("transport"), revision: last("EIO"), sid: last("sid"), jsonpIndex: last("j"), base64: last("b64"),
			named: values.Has("sid"), jsonp: values.Has("j"),
		}
		if got != want {
			t.Errorf("%q: got %+v, want %+v", raw, got, want)
		}
	})
}
