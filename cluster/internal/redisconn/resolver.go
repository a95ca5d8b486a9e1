package redisconn

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Resolver replaces placeholders in options, and keeps the first error.
type Resolver struct {
	repl *caddy.Replacer
	err  error
}

// NewResolver returns a Resolver for {env.*} and {file.*}.
func NewResolver() *Resolver { return &Resolver{repl: caddy.NewReplacer()} }

// Err returns the first error, or nil.
func (r *Resolver) Err() error { return r.err }

// Replace returns an option's value with its placeholders replaced.
func (r *Resolver) Replace(option, value string) string {
	out, err := r.repl.ReplaceOrErr(value, true, true)
	if err != nil {
		r.Fail(option, err)
	}
	return out
}

// Fail keeps the error of an option, unless there was one before.
func (r *Resolver) Fail(option string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", option, err)
	}
}

// readFile returns the content of a file; nothing if the option has no file.
func (r *Resolver) readFile(option, name string) string {
	if name = r.Replace(option, name); name == "" {
		return ""
	}
	content, err := os.ReadFile(name)
	if err != nil {
		r.Fail(option, err)
	}
	return string(content)
}

// Timeout returns the duration of an option, 5s by default.
func (r *Resolver) Timeout(option string, d caddy.Duration) time.Duration {
	if d < 0 {
		r.Fail(option, errors.New("expected a duration above 0"))
	}
	return cmp.Or(time.Duration(d), 5*time.Second)
}
