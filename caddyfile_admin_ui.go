package socketio

import "github.com/caddy-socketio/caddy-socketio/internal/directive"

// parseAdminUI reads the option admin_ui:
//
//	admin_ui {
//		username <name>
//		password <bcrypt hash>
//		readonly
//		mode     development|production
//	}
func (p *parser) parseAdminUI() error {
	name := p.Token()
	if p.NextArg() {
		return p.Errf("admin_ui: unexpected %q: the username and the password go into a block", p.Val())
	}
	u := new(AdminUI)
	options := []option{
		{"username", func() error { return p.parseText(&u.Username) }},
		{"password", func() error { return p.parseText(&u.Password) }},
		{"readonly", func() error { return p.parseFlag(&u.ReadOnly) }},
		{"mode", func() error { return p.parseText(&u.Mode) }},
	}
	if err := p.parseOptions("option of admin_ui", options); err != nil {
		return err
	}
	u.setDefaultMode()
	if err := u.checkUser(); err != nil {
		return directive.ErrorAt(name, "%v", err)
	}
	p.handler.AdminUI = u
	return nil
}

// parseFlag reads an option without arguments.
func (p *parser) parseFlag(to *bool) error {
	option := p.Val()
	if p.NextArg() {
		return p.Errf("%s: unexpected %q: expected no value", option, p.Val())
	}
	*to = true
	return nil
}
