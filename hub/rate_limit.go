package hub

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"
)

// limiter limits the events and connect packets of one client.
type limiter struct {
	*rate.Limiter      // nil until there is a limit
	warned        bool // true after the first warning
}

// allowRate reports whether the rate limit allows another event. It applies the limit of
// the newest config. It logs the first event over the limit as a warning, later ones at
// debug level.
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
		level, l.warned = zapcore.WarnLevel, true // once: clients could fill the log
	}
	if e := c.hub.log().Check(level, "rate limit exceeded"); e != nil {
		e.Write(zap.String("hub", c.hub.name), zap.String("namespace", namespace), zap.String("event", event),
			zap.String("address", c.session.Handshake().Address))
	}
	return false
}
