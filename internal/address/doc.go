// Package address counts connections, namespaces and attempts of clients by their addresses,
// so that one address cannot take the share of others.
//
// [Key] is the address that a client is counted by. [Bound] is a bounded set whose values
// belong to addresses: when it is full, the address with the most values loses its oldest
// one to an address with fewer. [Buckets] are token buckets of addresses.
//
// All of it costs something when a connection opens, closes or connects, and nothing for a
// message. An address that counts nothing takes no memory.
package address
