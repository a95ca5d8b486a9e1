package address_test

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
)

func TestKeyCountsClientsTogether(t *testing.T) {
	for _, one := range []struct{ text, want string }{
		{"192.0.2.1", "192.0.2.1"},
		{"192.0.2.1:443", "192.0.2.1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"[::ffff:192.0.2.1]:80", "192.0.2.1"},
		{"2001:db8::1", "2001:db8::/64"},
		{"2001:db8::ffff:0:0:1", "2001:db8::/64"},
		{"2001:db8:0:1::1", "2001:db8:0:1::/64"},
		{"[2001:db8::1]:443", "2001:db8::/64"},
		{"fe80::1%eth0", "fe80::/64"},
		{"fe80::2%eth1", "fe80::/64"},
		{"@", "unknown"},
		{"", "unknown"},
		{"localhost", "unknown"},
	} {
		if got := address.KeyOf(one.text); got.String() != one.want {
			t.Errorf("%q: got %s, want %s", one.text, got, one.want)
		}
	}
	if address.KeyOf("::ffff:192.0.2.1") != address.KeyOf("192.0.2.1") || address.KeyOf("fe80::1%eth0") != address.KeyOf("fe80::2") {
		t.Error("keys of the same client differ")
	}
}
