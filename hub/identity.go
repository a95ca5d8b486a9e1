package hub

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Identity is one fact that distinguishes the user of a socket from other users.
type Identity struct {
	// Source is the name of the handler that adds it, "jwt" for example.
	Source string
	// Subject is the user, in the source's words.
	Subject string
	// Token is the text that proved it, if any. It is removed from the subjects of
	// identities added later: a client may reconnect with a newer token.
	Token string
}

// hasRecovery reports whether the socket's client may recover it.
func (s *Socket) hasRecovery() bool {
	return s.client.version == sio.V5 && s.client.route.config().Recovery > 0
}

// addIdentity is [Event.AddIdentity].
func (s *Socket) addIdentity(id Identity) {
	if !s.hasRecovery() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	connecting := s.admission != nil && s.state.Load() == stateConnecting
	if connecting {
		for _, token := range s.admission.tokens {
			id.Subject = strings.ReplaceAll(id.Subject, token, "")
		}
		if id.Token != "" {
			s.admission.tokens = append(s.admission.tokens, id.Token)
		}
	}
	hash := hashIdentity(id.Source, id.Subject)
	switch {
	case slices.Contains(s.identities, hash):
	case connecting:
		s.identities = append(s.identities, hash)
	default:
		s.identityChanged = true
	}
}

// hashIdentity returns a hash of a source and a subject.
func hashIdentity(source, subject string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + subject))
	return string(sum[:])
}

// identityHash returns one text for all identities of the socket. It is empty when there are
// none. Equal texts mean the same user. The text is a hash and reveals none of them.
func (s *Socket) identityHash() string {
	s.mu.Lock()
	hashes := slices.Clone(s.identities)
	s.mu.Unlock()
	// No handler has to add the user that HTTP authentication found.
	if h, ok := s.handshakeRequest().Context.(interface{ Identity() string }); ok {
		if user := h.Identity(); user != "" {
			hashes = append(hashes, hashIdentity("http", user))
		}
	}
	if len(hashes) == 0 {
		return ""
	}
	slices.Sort(hashes)
	sum := sha256.Sum256([]byte(strings.Join(hashes, "")))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// clearIdentity undoes [Namespace.callIdentifiers] for a socket that is not recovered.
func (s *Socket) clearIdentity() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chargeDataLocked(-sizeValues(s.values))
	s.identities, s.admission.tokens, s.values = nil, nil, nil
}

// credentials is [Event.Credentials].
func (s *Socket) credentials() string {
	h := s.handshakeRequest()
	own := s.client.route.config().Engine.Cookie
	var cookies []string
	for _, line := range h.Header.Values("Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			if name, _, _ := strings.Cut(pair, "="); pair != "" && (own == "" || name != own) {
				cookies = append(cookies, pair)
			}
		}
	}
	slices.Sort(cookies)
	parts, _ := json.Marshal([]any{ // maps and strings always marshal
		cookies, h.Header.Values("Authorization"), dropEngineParameters(h.Query()), dropRecoveryMembers(s.auth),
	})
	return string(parts)
}

// dropEngineParameters removes Engine.IO's own parameters from a query.
func dropEngineParameters(query url.Values) url.Values {
	for _, key := range []string{"EIO", "transport", "sid", "t", "j", "b64"} {
		query.Del(key)
	}
	return query
}

// dropRecoveryMembers returns the members of an auth object without the ones that a
// client adds for recovery.
func dropRecoveryMembers(auth sio.Data) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(auth.JSON, &members) // an object, as it was decoded
	maps.DeleteFunc(members, func(key string, _ json.RawMessage) bool { return key == "pid" || key == "offset" })
	return members
}
