package backend

import (
	"errors"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// streamOptions are the options of a stream block.
var streamOptions = []string{"max_line", "max_size", "max_time", "idle", "cancel"}

// parseBlock sets up the limits of streams, see [Handler.ParseCaddyfile].
func (s *Stream) parseBlock(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.Errf("backend: stream: unexpected %q: settings go into a block", d.Val())
	}
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if seen[option] {
			return d.Errf("backend: stream: %s is given twice", option)
		}
		seen[option] = true
		if err := s.parseOption(d, option); err != nil {
			return d.Errf("backend: stream: %s: %v", option, err)
		}
	}
	return nil
}

func (s *Stream) parseOption(d *caddyfile.Dispenser, option string) (err error) {
	args := d.RemainingArgs()
	if option == "cancel" {
		if s.Cancel = args; len(args) == 0 {
			return errors.New("expected one or more events")
		}
		return checkCancel(args)
	}
	if !slices.Contains(streamOptions, option) {
		return errors.New("unknown option: expected max_line, max_size, max_time, idle or cancel")
	}
	if len(args) != 1 {
		return errors.New("expected one value")
	}
	switch option {
	case "max_line":
		s.MaxLine, err = parseSize(args[0])
	case "max_size":
		s.MaxSize, err = parseSize(args[0])
	case "max_time":
		s.MaxTime, err = parseDuration(args[0])
	case "idle":
		s.Idle, err = parseDuration(args[0])
	}
	return err
}
