package api

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

const (
	// defaultMeasureTime is how long deliveries are counted if the request does not have a
	// time.
	defaultMeasureTime = time.Second
	// maxMeasureTime is the maximum of this time.
	maxMeasureTime = time.Minute
)

// Top is the reply to a measurement of a hub's activity.
type Top = hub.Activity

// handleTop counts deliveries for a time, and replies with the busiest rooms and namespaces,
// and the longest queues.
func (a *API) handleTop(w http.ResponseWriter, r *http.Request) (any, error) {
	q, err := parseQuery(r, "hub", "namespace", "sort", "limit", "for", "local")
	if err != nil {
		return nil, err
	}
	h, err := a.findHub(q.Get("hub"))
	if err != nil {
		return nil, err
	}
	query, err := a.parseActivityQuery(q)
	if err != nil {
		return nil, err
	}
	if r.Method == http.MethodHead {
		query.For = 0 // its reply has no body
	}
	liftDeadlines(w)
	found, err := h.MeasureActivity(r.Context(), query)
	if err != nil { // too many measurements, or the process exits
		return nil, &Error{Status: http.StatusServiceUnavailable, Message: err.Error()}
	}
	return found, nil
}

// parseActivityQuery returns the measurement of a query.
func (a *API) parseActivityQuery(q url.Values) (query hub.ActivityQuery, err error) {
	query.Limit, query.For = defaultTopLimit, defaultMeasureTime
	if text := q.Get("limit"); text != "" {
		if query.Limit, err = strconv.Atoi(text); err != nil || query.Limit < 1 || query.Limit > hub.MaxActivityLimit {
			return query, badRequest("limit: unexpected %q, expected a number from 1 to %d", text, hub.MaxActivityLimit)
		}
	}
	if text := q.Get("for"); text != "" {
		if query.For, err = time.ParseDuration(text); err != nil || query.For < 0 || query.For > maxMeasureTime {
			return query, badRequest("for: unexpected %q, expected a duration from 0s to %s, like 2s", text, maxMeasureTime)
		}
	}
	switch text := q.Get("sort"); hub.ActivityOrder(text) {
	case "", hub.ByDeliveries:
		query.Order = hub.ByDeliveries
	case hub.BySockets:
		query.Order = hub.BySockets
	default:
		return query, badRequest("sort: unexpected %q, expected %s or %s", text, hub.ByDeliveries, hub.BySockets)
	}
	if query.Local, err = parseBool(q, "local"); err != nil {
		return query, err
	}
	query.Namespaces, err = a.selectNamespaces(q.Get("namespace"))
	return query, err
}

// defaultTopLimit is how long each list of a reply may be if the request does not say it.
const defaultTopLimit = 50
