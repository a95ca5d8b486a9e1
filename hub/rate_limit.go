package hub

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"
)

// limiter bounds what one client may send.
type limiter struct {
	*rate.Limiter      // nil until there is a limit
	warned        bool // that the client exceeds it
}

// allowRate reports whether the rate limit has room for one thing more.
func (c *client) allowRate(namespace, event string) bool {
	limit, burst := rate.Limit(c.route.config().RateLimit), c.route.config().Burst
	if limit <= 0 {
		return true
	}
	l := &c.limiter
	switch {
	case l.Limiter == nil:
		l.Limiter = rate.NewLimiter(limit, burst)
	case l.Limit() != limit || l.Burst() != burst: // a new config
		l.SetLimit(limit)
		l.SetBurst(burst)
	}
	if l.Allow() {
		return true
	}
	c.hub.stats.rateLimited.Add(1)
	level := zapcore.DebugLevel
	if !l.warned {
		level, l.warned = zapcore.WarnLevel, true // once: the log has limits too
	}
	if e := c.hub.log().Check(level, "rate limit exceeded"); e != nil {
		e.Write(zap.String("hub", c.hub.name), zap.String("namespace", namespace), zap.String("event", event),
			zap.String("address", c.session.Handshake().Address))
	}
	return false
}
