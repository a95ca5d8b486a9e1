// Package placeholder has texts, JSON values, arguments and names of rooms with
// placeholders, like "user:{jwt.sub}". The settings of handlers are made of them:
// compile a setting when the module is provisioned, and call its method For with each
// event.
//
// The package needs Caddy's core and neither its HTTP server nor libraries for tokens
// and expressions, so that a module with a handler of its own stays small.
package placeholder
