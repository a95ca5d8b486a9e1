package adminui

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// sessionTime is how long a session id replaces the password, as in Node.js.
const sessionTime = 24 * time.Hour

// sessions issues and checks the ids by which the web app logs in without a password when
// its page is loaded again. Nothing is kept of them: an id is signed with a key of the
// process. It ends with the process, and with the password that it was issued for.
type sessions struct {
	key     [sha256.Size]byte
	started time.Time // expiries count from here by the monotonic clock
}

func newSessions() *sessions {
	s := &sessions{started: time.Now()}
	_, _ = rand.Read(s.key[:]) // never fails
	return s
}

// issueID returns an id that checkID accepts for sessionTime: hex digits of the time when it
// expires, and of a signature.
func (s *sessions) issueID(settings *Settings, now time.Time) string {
	expires := binary.BigEndian.AppendUint64(nil, uint64(now.Sub(s.started)+sessionTime))
	return hex.EncodeToString(append(expires, s.signExpiry(settings, expires)...))
}

// checkID reports whether an id was issued for the user and the password, and is not expired.
func (s *sessions) checkID(id string, settings *Settings, now time.Time) bool {
	const size = 8 + sha256.Size
	if len(id) != 2*size {
		return false
	}
	raw, err := hex.DecodeString(id)
	if err != nil || !hmac.Equal(raw[8:], s.signExpiry(settings, raw[:8])) {
		return false
	}
	return now.Sub(s.started) < time.Duration(binary.BigEndian.Uint64(raw))
}

// signExpiry returns the signature of the time when an id expires.
func (s *sessions) signExpiry(settings *Settings, expires []byte) []byte {
	user := settings.userFingerprint()
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write(user[:])
	mac.Write(expires)
	return mac.Sum(nil)
}
