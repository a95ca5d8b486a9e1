package hub

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"
)

// A crowd that disconnects at once does not fill the log.
func TestDisconnectsAreSampledBySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines lineSampler
		for range 2 {
			levels := make(map[zapcore.Level]int)
			for range 330 {
				levels[lines.nextLevel()]++
			}
			if levels[zapcore.InfoLevel] != 102 || levels[zapcore.DebugLevel] != 228 {
				t.Errorf("got %v", levels)
			}
			time.Sleep(time.Second)
		}
	})
}
