package socketio

import "slices"

// option is an option of a block in a Caddyfile.
type option struct {
	name  string
	parse func() error // reads the option, whose name is the current token
}

// directiveOptions returns the options of the directive socketio.
func (p *parser) directiveOptions() []option {
	h := p.handler
	return []option{
		{"path", func() error { return p.parseText(&h.Path) }},
		{"hub", func() error { return p.parseText(&h.Hub) }},
		{"transports", func() error { return p.parseList(&h.Transports) }},
		{"protocols", p.parseProtocols},
		{"ping_interval", func() error { return p.parseDuration(&h.PingInterval) }},
		{"ping_timeout", func() error { return p.parseDuration(&h.PingTimeout) }},
		{"connect_timeout", func() error { return p.parseDuration(&h.ConnectTimeout) }},
		{"upgrade_timeout", func() error { return p.parseDuration(&h.UpgradeTimeout) }},
		{"max_payload", func() error { return p.parseSize(&h.MaxPayload) }},
		{"max_queue", func() error { return p.parseIntSize(&h.MaxQueue) }},
		{"max_connections", func() error { return p.parseNumber(&h.MaxConnections) }},
		{"max_memory_per_connection", func() error { return p.parseSize(&h.MaxMemoryPerConnection) }},
		{"rate_limit", p.parseRateLimit},
		{"per_address", p.parsePerAddress},
		{"origins", func() error { return p.parseList(&h.Origins) }},
		{"compression", func() error { return p.parseSwitch(&h.Compression) }},
		{"recovery", func() error { return p.parseDuration(&h.Recovery) }},
		{"cookie", func() error { return p.parseText(&h.Cookie) }},
		{"serve_client", func() error { return p.parseText(&h.ServeClient) }},
		{"admin_ui", p.parseAdminUI},
		{"namespace", p.parseNamespace},
	}
}

// namespaceOptions returns the options of a namespace block.
func (p *parser) namespaceOptions(ns *Namespace) []option {
	return []option{
		{"on", func() error { return p.parseRule(ns) }},
		{"join", func() error { return p.parseConnectHandler(ns) }},
		{"max_sockets", func() error { return p.parseMaxSockets(ns) }},
		{"use", func() error { return p.parseUse(ns) }},
		{"rate_limit", func() error { return p.parseRoomRate(ns) }},
		{"history", func() error { return p.parseHistory(ns) }},
		{"every", func() error { return p.parseEvery(ns) }},
		{"presence", func() error { return p.parsePresence(ns) }},
	}
}

// ruleOptions returns the options of a rule. They stand before or among its handlers.
func (p *parser) ruleOptions(rule *Rule) []option {
	return []option{
		{"parallel", func() error { return p.parseParallel(rule) }},
		{"rate_limit", func() error { return p.parseRuleRate(rule) }},
		{"allow_ids", func() error { return p.parseAllowIDs(rule) }},
	}
}

// parseOptions reads a block of options. Errors call one of
// them by kind, like "option of history".
func (p *parser) parseOptions(kind string, options []option) error {
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		known := findOption(options, p.Val())
		if known == nil {
			return p.unknownName(kind, optionNames(options))
		}
		if err := known.parse(); err != nil {
			return err
		}
	}
	return nil
}

// findOption returns the option of that name, or nil.
func findOption(options []option, name string) *option {
	i := slices.IndexFunc(options, func(o option) bool { return o.name == name })
	if i < 0 {
		return nil
	}
	return &options[i]
}

// optionNames returns the names of options.
func optionNames(options []option) (names []string) {
	for _, o := range options {
		names = append(names, o.name)
	}
	return names
}
