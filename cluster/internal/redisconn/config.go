// Package redisconn is what the engines that use Redis have in common: how a config
// says where the Redis is and how to get in, and what the client library is told.
package redisconn

// Config is the part of a module's config that says how to reach a Redis: a single
// one, a Redis Cluster, or one that sentinels watch. All of its texts may have
// placeholders, {env.*} and {file.*} for secrets.
type Config struct {
	// URL is where the Redis is: redis://[[user:]password@]host[:port], rediss://
	// for TLS, or unix:///path. The number of a database may follow, as in
	// redis://host/1.
	URL string `json:"url,omitempty"`
	// Addresses are further servers of a Redis Cluster, or further sentinels, to
	// begin with: host:port.
	Addresses []string `json:"addresses,omitempty"`
	// Username is the user of the Redis. Default: that of the URL.
	Username string `json:"username,omitempty"`
	// Password is the user's. Default: that of the URL.
	Password string `json:"password,omitempty"`
	// Sentinel says that the URL and addresses are those of sentinels.
	Sentinel *Sentinel `json:"sentinel,omitempty"`
	// TLS says how the server proves itself, and this one to it. It turns TLS on.
	TLS *TLS `json:"tls,omitempty"`
}

// Sentinel names the master that sentinels watch.
type Sentinel struct {
	// Master is the name that the sentinels have for the Redis.
	Master string `json:"master"`
	// Username is the user of the sentinels. Default: none.
	Username string `json:"username,omitempty"`
	// Password is the sentinels'. Default: none.
	Password string `json:"password,omitempty"`
}

// TLS is how both ends of a connection prove who they are.
type TLS struct {
	// CA is a PEM file of certificate authorities to trust, in place of the
	// system's.
	CA string `json:"ca,omitempty"`
	// Certificate is a PEM file of this server's certificate, for a Redis that
	// asks for one.
	Certificate string `json:"certificate,omitempty"`
	// Key is the PEM file of the certificate's key.
	Key string `json:"key,omitempty"`
	// ServerName is the name that the Redis' certificate must have. Default: the
	// host's.
	ServerName string `json:"server_name,omitempty"`
	// Insecure trusts any certificate. Not to be used where it matters.
	Insecure bool `json:"insecure_skip_verify,omitempty"`
}
