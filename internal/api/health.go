package api

import "net/http"

// Health says whether this node works, and whether it should get new clients.
type Health struct {
	// Ready is false while the node should get no new clients.
	Ready bool `json:"ready"`
	// Reasons are the causes: "memory", "descriptors", "cluster", "draining", "shutdown". It is empty when ready.
	Reasons []string `json:"reasons"`
}

// statusReply is a reply with a status other than 200.
type statusReply struct {
	status int
	value  any
}

// handleLive replies with status 200: the process serves requests. The body says the same as
// the one of handleReady.
func (a *API) handleLive(_ http.ResponseWriter, r *http.Request) (any, error) {
	if _, err := parseQuery(r); err != nil {
		return nil, err
	}
	return a.checkHealth(), nil
}

// handleReady replies with status 503 while the node should get no new clients.
func (a *API) handleReady(_ http.ResponseWriter, r *http.Request) (any, error) {
	if _, err := parseQuery(r); err != nil {
		return nil, err
	}
	health := a.checkHealth()
	if !health.Ready {
		return statusReply{http.StatusServiceUnavailable, health}, nil
	}
	return health, nil
}

func (a *API) checkHealth() Health {
	h := Health{Reasons: []string{}}
	if a.NotReady != nil {
		h.Reasons = append(h.Reasons, a.NotReady()...)
	}
	h.Ready = len(h.Reasons) == 0
	return h
}
