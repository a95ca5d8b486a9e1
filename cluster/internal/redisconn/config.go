// Package redisconn configures the connection of an adapter to Redis: the Redis's addresses
// and credentials, and the options of the client library. It also guards the client library
// against malformed replies.
package redisconn

// Config is the part of a module's config for the connection to a Redis: a single one, a
// Redis Cluster, or one that sentinels monitor. All of its texts may contain placeholders,
// {env.*} and {file.*} for secrets.
type Config struct {
	// URL is the address of the Redis: redis://[[user:]password@]host[:port], rediss:// for
	// TLS, or unix:///path. The number of a database may follow, as in redis://host/1.
	// Default ports: 6379, and 26379 for sentinels.
	URL string `json:"url,omitempty"`
	// Addresses are further servers of a Redis Cluster, or further sentinels, as host:port.
	Addresses []string `json:"addresses,omitempty"`
	// Username is the user name for the Redis. Default: the user of the URL.
	Username string `json:"username,omitempty"`
	// Password is the password for the Redis. Default: the password of the URL.
	Password string `json:"password,omitempty"`
	// Sentinel is set if the URL and addresses are sentinels.
	Sentinel *Sentinel `json:"sentinel,omitempty"`
	// TLS turns TLS on, and configures the certificates of both sides.
	TLS *TLS `json:"tls,omitempty"`
	// Required makes the readiness check fail while the Redis is out of reach. Default: a node
	// without its cluster serves its own clients, and is ready.
	Required bool `json:"required,omitempty"`
}

// IsRequired reports whether a node without the cluster is not ready.
func (c Config) IsRequired() bool { return c.Required }

// Sentinel names the master that sentinels monitor.
type Sentinel struct {
	// Master is the sentinels' name for the Redis.
	Master string `json:"master"`
	// Username is the user name for the sentinels. Default: none.
	Username string `json:"username,omitempty"`
	// Password is the password for the sentinels. Default: none.
	Password string `json:"password,omitempty"`
}

// TLS configures the certificates of both sides of a connection.
type TLS struct {
	// CA is a PEM file of certificate authorities to trust, in place of the system's.
	CA string `json:"ca,omitempty"`
	// Certificate is a PEM file of this node's certificate, for a Redis that requires one.
	Certificate string `json:"certificate,omitempty"`
	// Key is the PEM file of the certificate's key.
	Key string `json:"key,omitempty"`
	// ServerName is the name that the Redis's certificate must have. Default: the host of
	// the address.
	ServerName string `json:"server_name,omitempty"`
	// Insecure accepts any certificate. It is only for tests.
	Insecure bool `json:"insecure_skip_verify,omitempty"`
}
