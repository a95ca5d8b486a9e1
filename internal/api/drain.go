package api

import (
	"net/http"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

const (
	// defaultDrainTime is how long a drain takes if the request does not have a time.
	defaultDrainTime = 30 * time.Second
	// maxDrainTime is the maximum time of a drain.
	maxDrainTime = time.Hour
)

// Drain is the request body that starts a drain.
type Drain struct {
	// Over is the time until the last connection is closed, like "30s". Default: 30 s. The
	// maximum is "1h".
	Over string `json:"over,omitempty"`
}

// DrainReply is the state of a drain, and the reply to the requests that change it.
type DrainReply struct {
	// State is "serving", "draining", or "drained" when the connections are closed. New
	// connections are refused unless it is "serving".
	State hub.DrainState `json:"state"`
	// Connections is the number of open connections.
	Connections int `json:"connections"`
	// Total is the number of connections that were open when the drain began.
	Total int `json:"total"`
	// Over is the time from then until the last one is closed, and Left the rest of it.
	Over string `json:"over"`
	Left string `json:"left"`
}

// handleDrainStatus replies with the state of the drain.
func (a *API) handleDrainStatus(_ http.ResponseWriter, r *http.Request) (any, error) {
	if err := a.checkDrain(r); err != nil {
		return nil, err
	}
	return a.buildDrainReply(), nil
}

// handleDrainStart starts a drain, and replies at once.
func (a *API) handleDrainStart(w http.ResponseWriter, r *http.Request) (any, error) {
	if err := a.checkDrain(r); err != nil {
		return nil, err
	}
	var body Drain
	if r.ContentLength != 0 {
		if err := decodeBody(w, r, &body); err != nil {
			return nil, err
		}
	}
	over := defaultDrainTime
	if body.Over != "" {
		var err error
		if over, err = time.ParseDuration(body.Over); err != nil || over < 0 || over > maxDrainTime {
			return nil, badRequest("over: unexpected %q, expected a duration from 0s to 1h, like 30s", body.Over)
		}
	}
	if err := a.Drainer.Start(over); err != nil {
		return nil, &Error{Status: http.StatusConflict, Message: err.Error()}
	}
	return a.buildDrainReply(), nil
}

// handleDrainCancel cancels a drain: new connections are accepted again.
func (a *API) handleDrainCancel(_ http.ResponseWriter, r *http.Request) (any, error) {
	if err := a.checkDrain(r); err != nil {
		return nil, err
	}
	if err := a.Drainer.Cancel(); err != nil {
		return nil, &Error{Status: http.StatusConflict, Message: err.Error()}
	}
	return a.buildDrainReply(), nil
}

// checkDrain refuses requests to an API that is limited to a part of the process: a drain
// closes all connections.
func (a *API) checkDrain(r *http.Request) error {
	switch {
	case a.Drainer == nil:
		return notFound("there is no operation %q", "drain")
	case a.OnlyHub != "" || a.OnlyNamespaces != nil:
		return notAllowed("drain is not allowed here, as it closes the connections of all hubs and namespaces")
	}
	_, err := parseQuery(r)
	return err
}

func (a *API) buildDrainReply() DrainReply {
	s := a.Drainer.Status()
	return DrainReply{
		State: s.State, Connections: s.Connections, Total: s.Total,
		Over: s.Over.String(), Left: (time.Duration(s.Left.Milliseconds()) * time.Millisecond).String(),
	}
}
