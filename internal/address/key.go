package address

import "net/netip"

// bitsOfNetwork is the length of an IPv6 network that one client may have for itself.
const bitsOfNetwork = 64

// Key is the part of an address that its clients are counted by: an IPv4 address, or the
// first 64 bits of an IPv6 address. The zero Key is of all clients without an IP address.
type Key struct{ prefix netip.Prefix }

// KeyOf returns the key of an address, with or without a port. IPv4 addresses that are
// written as IPv6 count as IPv4.
func KeyOf(text string) Key {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		both, err := netip.ParseAddrPort(text)
		if err != nil {
			return Key{}
		}
		ip = both.Addr()
	}
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = bitsOfNetwork
	}
	prefix, _ := ip.Prefix(bits) // such a length is valid
	return Key{prefix}
}

// String returns the key for logs: 192.0.2.1, 2001:db8::/64, or "unknown".
func (k Key) String() string {
	switch {
	case !k.prefix.IsValid():
		return "unknown"
	case k.prefix.IsSingleIP():
		return k.prefix.Addr().String()
	}
	return k.prefix.String()
}
