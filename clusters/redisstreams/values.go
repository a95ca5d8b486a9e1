package redisstreams

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// text is a string that others may write as a number, or leave out by null.
type text string

// UnmarshalJSON reads a string, a number or null.
func (t *text) UnmarshalJSON(b []byte) error {
	switch c := b[0]; {
	case c == '"':
		return json.Unmarshal(b, (*string)(t))
	case c == '-' || '0' <= c && c <= '9':
		*t = text(b)
		if v, err := strconv.ParseFloat(string(b), 64); err == nil && v == float64(int64(v)) {
			*t = text(strconv.FormatInt(int64(v), 10))
		}
	case c != 'n':
		return fmt.Errorf("expected text, not %.20s", b)
	}
	return nil
}

// list is a list of rooms, each a string or a number; or a single one.
type list []string

// UnmarshalJSON reads an array, a string, a number or null.
func (l *list) UnmarshalJSON(b []byte) error {
	if b[0] != '[' {
		var one text
		if err := one.UnmarshalJSON(b); err != nil || one == "" {
			return err
		}
		*l = list{string(one)}
		return nil
	}
	var texts []text
	if err := json.Unmarshal(b, &texts); err != nil {
		return err
	}
	*l = make(list, len(texts))
	for i, t := range texts {
		(*l)[i] = string(t)
	}
	return nil
}

// flags are the modifiers of an emit.
type flags struct {
	Volatile   bool
	NoCompress bool
	Timeout    int64 // milliseconds
}

// MarshalJSON writes those that are set.
func (f flags) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	if f.Volatile {
		b = append(b, `"volatile":true,`...)
	}
	if f.NoCompress {
		b = append(b, `"compress":false,`...)
	}
	if f.Timeout > 0 {
		b = append(strconv.AppendInt(append(b, `"timeout":`...), f.Timeout, 10), ',')
	}
	if len(b) > 1 {
		b = b[:len(b)-1]
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads an object; anything else is as good as none.
func (f *flags) UnmarshalJSON(b []byte) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil {
		return nil
	}
	f.Volatile = string(members["volatile"]) == "true"
	f.NoCompress = string(members["compress"]) == "false"
	if ms, err := strconv.ParseFloat(string(members["timeout"]), 64); err == nil && ms > 0 && ms < 1e12 {
		f.Timeout = int64(ms)
	}
	return nil
}

// remoteSocket is a socket as other servers describe it.
type remoteSocket struct {
	ID        text `json:"id"`
	Handshake struct {
		Headers map[string]json.RawMessage `json:"headers"`
		Time    text                       `json:"time"`
		Address text                       `json:"address"`
		XDomain bool                       `json:"xdomain"`
		Secure  bool                       `json:"secure"`
		Issued  float64                    `json:"issued"`
		URL     text                       `json:"url"`
		Query   map[string]json.RawMessage `json:"query"`
		Auth    json.RawMessage            `json:"auth"`
	} `json:"handshake"`
	Rooms list            `json:"rooms"`
	Data  json.RawMessage `json:"data"`
}

func (s *remoteSocket) socket() cluster.Socket {
	h := &s.Handshake
	return cluster.Socket{
		ID: string(s.ID), Rooms: s.Rooms, Data: s.Data,
		Handshake: cluster.Handshake{
			Headers: plainText(h.Headers), Time: string(h.Time), Address: string(h.Address),
			XDomain: h.XDomain, Secure: h.Secure, Issued: int64(h.Issued), URL: string(h.URL),
			Query: plainText(h.Query), Auth: h.Auth,
		},
	}
}

// plainText returns headers or a query as text. Node has arrays for what was
// given several times.
func plainText(members map[string]json.RawMessage) map[string]string {
	out := make(map[string]string, len(members))
	for name, raw := range members {
		var several []string
		if json.Unmarshal(raw, &several) == nil && several != nil {
			out[name] = strings.Join(several, ", ")
		} else {
			out[name] = sio.Data{JSON: raw}.Text()
		}
	}
	return out
}
