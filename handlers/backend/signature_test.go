package backend

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestSignHeaderMatchesPublishedVectors has the published vectors.
func TestSignHeaderMatchesPublishedVectors(t *testing.T) {
	text, err := os.ReadFile("../../docs/webhooks.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		About, Body string
		Secrets     []string
		ID          string `json:"webhook-id"`
		Timestamp   string `json:"webhook-timestamp"`
		Signature   string `json:"webhook-signature"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal(err, len(vectors))
	}
	for _, v := range vectors {
		b := &Handler{Sign: v.Secrets}
		if err := b.readSecrets(); err != nil {
			t.Fatal(err)
		}
		seconds, err := strconv.ParseInt(v.Timestamp, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		header := make(http.Header)
		signHeader(header, b.secrets, v.ID, time.Unix(seconds, 0), []byte(v.Body))
		for name, want := range map[string]string{"webhook-id": v.ID, "webhook-timestamp": v.Timestamp, "webhook-signature": v.Signature} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s: got %s, want %s", v.About, name, got, want)
			}
		}
	}
}

func TestWebhookSecret(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"whsec_AAEC", "\x00\x01\x02"},
		{"any text", "any text"},
		{"AAEC", "AAEC"},
	} {
		if got, err := webhookSecret(test.text); err != nil || string(got) != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{"", "whsec_", "whsec_not base64"} {
		if got, err := webhookSecret(text); err == nil {
			t.Errorf("%s: got %q, want an error", text, got)
		}
	}
}
