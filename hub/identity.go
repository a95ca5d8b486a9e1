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

// Identity is one thing that tells the user of a socket from other users.
type Identity struct {
	// Source names the handler that knows it: "jwt", say.
	Source string
	// Subject is the user, as the source names users.
	Subject string
	// Token is the text that proved it, if any. A client may bring a newer token
	// when it comes back, so that identities added later leave the text out.
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
	connecting := s.opening != nil && s.state.Load() == stateConnecting
	if connecting {
		for _, token := range s.opening.tokens {
			id.Subject = strings.ReplaceAll(id.Subject, token, "")
		}
		if id.Token != "" {
			s.opening.tokens = append(s.opening.tokens, id.Token)
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

func hashIdentity(source, subject string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + subject))
	return string(sum[:])
}

// identity returns one text for all identities of the socket; it is empty when there
// are none. Equal texts mean the same user. It reveals none of them.
func (s *Socket) identity() string {
	s.mu.Lock()
	hashes := slices.Clone(s.identities)
	s.mu.Unlock()
	// The handshake is not known to handlers that do not ask for it.
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

// forgetIdentity undoes what [Namespace.identify] did, for a socket that is new.
func (s *Socket) forgetIdentity() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identities, s.opening.tokens, s.values = nil, nil, nil
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

// dropEngineParameters takes from a query what is Engine.IO's own.
func dropEngineParameters(query url.Values) url.Values {
	for _, key := range []string{"EIO", "transport", "sid", "t", "j", "b64"} {
		query.Del(key)
	}
	return query
}

// dropRecoveryMembers takes from a connect packet what a client that comes back adds.
func dropRecoveryMembers(auth sio.Data) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(auth.JSON, &members) // an object, as it was decoded
	maps.DeleteFunc(members, func(key string, _ json.RawMessage) bool { return key == "pid" || key == "offset" })
	return members
}
