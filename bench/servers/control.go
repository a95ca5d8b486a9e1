package servers

import (
	"crypto/tls"
	"errors"
	"net/http"
	"time"
)

// errNoCollect is the error of a Caddy without the build tag "bench".
var errNoCollect = errors.New("the server cannot collect garbage at once: build Caddy with -tags bench")

// httpClient makes the requests that are not of clients.
var httpClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{
	TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 64,
}}
