package redisadapter

import "time"

// retryInterval is the time after which refused subscriptions are tried again.
const retryInterval = 30 * time.Second

// subscribeChunk is how many namespaces or channels one command has.
const subscribeChunk = 256

// takeUnsettled returns the namespaces that a session has to subscribe and to
// unsubscribe: of the ones that opened or closed since the last call or, at first, of
// all. When refused subscriptions are to be tried again, it returns the namespaces that
// Redis did not refuse, too: it may have refused some of their channels.
func (c *connection) takeUnsettled(s *session) (add, remove, retry []*namespace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.fresh {
		s.fresh = false
		for _, ns := range c.namespaces {
			c.unsettled[ns] = struct{}{}
		}
	}
	if s.retrying {
		retry = s.dropRefusals(c.unsettled)
	}
	for ns := range c.unsettled {
		_, known := s.namespaces[ns]
		switch open := c.namespaces[ns.id] == ns; {
		case open && !known:
			add = append(add, ns)
		case !open && known:
			remove = append(remove, ns)
		}
	}
	clear(c.unsettled)
	return add, remove, retry
}

// dropRefusals makes refused namespaces unsettled again, and returns the others. The
// caller holds the connection's mu.
func (s *session) dropRefusals(unsettled map[*namespace]struct{}) (others []*namespace) {
	for ns, refusal := range s.namespaces {
		if refusal != nil {
			delete(s.namespaces, ns)
			unsettled[ns] = struct{}{}
		} else {
			others = append(others, ns)
		}
	}
	s.retrying, s.retry = false, nil
	return others
}

// retryRefused has the session try refused subscriptions again.
func (c *connection) retryRefused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		c.session.retrying = true
		c.notifyChanged()
	}
}

// scheduleRetry has a session retry the channels of rooms that Redis refused.
func (c *connection) scheduleRetry(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.startRetryTimer()
}

// startRetryTimer starts the time until refused subscriptions are tried again. The caller
// holds the connection's mu.
func (s *session) startRetryTimer() {
	if s.retry == nil {
		s.retry = time.After(retryInterval)
	}
}

// markSubscribed notes that namespaces are subscribed or, with an error, refused.
func (c *connection) markSubscribed(s *session, refusal error, all ...*namespace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ns := range all {
		s.namespaces[ns] = refusal
	}
	if refusal != nil {
		s.startRetryTimer()
	}
	if c.session == s {
		c.notifyChanged()
	}
}

// markUnsubscribed notes that namespaces are not subscribed.
func (c *connection) markUnsubscribed(s *session, all ...*namespace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ns := range all {
		delete(s.namespaces, ns)
	}
	if c.session == s {
		c.notifyChanged()
	}
}
