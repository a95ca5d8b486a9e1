package handlers

import (
	"net/http"
	"testing"
	"time"
)

// TestSign has the test vector that the libraries of Standard Webhooks share.
func TestSign(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	for _, test := range []struct{ name, secret, body, want string }{
		{"published vector", secret, `{"test": 2432232314}`, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		{"another body", secret, `{}`, "v1,aZgkZHxTDvZJsDWtN4dfyyZWkpgTgg60bdob9DOG8Mc="},
		{"secret of text", "not base64!", `{}`, "v1,cKFIt9WsoBDqNm3jlFE2Iey3SyRxqgky0tQUBT6zbJM="},
	} {
		key, err := webhookSecret(test.secret)
		if err != nil {
			t.Fatal(err)
		}
		header := make(http.Header)
		sign(header, key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(test.body))
		if got := header.Get("webhook-signature"); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
		if got := header.Get("webhook-id"); got != "msg_p5jXN8AQM9LWM0D4loKWxJek" {
			t.Errorf("%s: id %s", test.name, got)
		}
		if got := header.Get("webhook-timestamp"); got != "1614265330" {
			t.Errorf("%s: time %s", test.name, got)
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
	for _, text := range []string{"whsec_", "whsec_not base64"} {
		if got, err := webhookSecret(text); err == nil {
			t.Errorf("%s: got %q, want an error", text, got)
		}
	}
}
