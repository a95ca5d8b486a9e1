package backend

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// webhookSecret decodes a secret: whsec_ and base64 as in Standard Webhooks, or any
// other text.
func webhookSecret(text string) ([]byte, error) {
	if text == "" {
		return nil, errors.New("the secret is empty")
	}
	encoded, ok := strings.CutPrefix(text, "whsec_")
	if !ok {
		return []byte(text), nil
	}
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(secret) == 0 {
		return nil, errors.New("expected base64 after whsec_")
	}
	return secret, nil
}

// newWebhookID returns a random id of a request.
func newWebhookID() string { return "msg_" + rand.Text() }

// signHeader adds the headers of Standard Webhooks. The id, the time and the body are
// signed, with points between them. Each secret makes a signature.
func signHeader(header http.Header, secrets [][]byte, id string, now time.Time, body []byte) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	var signatures []string
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	header.Set("Webhook-Id", id)
	header.Set("Webhook-Timestamp", timestamp)
	header.Set("Webhook-Signature", strings.Join(signatures, " "))
}
