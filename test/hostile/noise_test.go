package hostile_test

import (
	"context"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

// TestNoise sends valid and invalid packets, changed, cut and joined at random. It ignores the
// replies. It checks that other clients are not disturbed and that no connection and no
// goroutine remains.
func TestNoise(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 200<<20)
	goroutines := sharedProcess.readMetric(t, "go_goroutines", "")
	connections := sharedProcess.readMetric(t, "caddy_socketio_connections", "")
	corpus := noiseCorpus()
	var seed atomic.Uint64
	repeatParallel(t, 1_000, func(ctx context.Context) error {
		n := seed.Add(1)
		r := rand.New(rand.NewPCG(n, n))
		if n%2 == 0 {
			return noisyPoller(ctx, r, corpus)
		}
		return noisySocket(r, corpus)
	})
	client.CloseIdleConnections()
	sharedProcess.awaitMetricAtMost(t, "caddy_socketio_connections", "", connections+2)
	sharedProcess.awaitMetricAtMost(t, "go_goroutines", "", goroutines+20)
}

// noiseCorpus returns valid and invalid Engine.IO packets.
func noiseCorpus() []string {
	corpus := []string{
		"40", "40/other,", "41", "41/other,", `40/glob-1,{"a":1}`, `42["echo","x"]`, `421["echo",{"a":[1,2]}]`, `42["join","r"]`,
		`451-["echo",{"_placeholder":true,"num":0}]`, `452-["x",{"_placeholder":true,"num":1}]`, "bYXR0YWNoZWQ=", "b4YXR0YWNoZWQ=",
		`42["flood","x"]`, "1", "2", "2probe", "3", "5", "6", "0",
	}
	for _, packet := range wrongPackets {
		if len(packet) < 200 {
			corpus = append(corpus, "4"+packet)
		}
	}
	return corpus
}

// mutatePacket returns a packet of the corpus. It changes three in eight.
func mutatePacket(r *rand.Rand, corpus []string) []byte {
	b := []byte(corpus[r.IntN(len(corpus))])
	if len(b) == 0 {
		return b
	}
	switch r.IntN(8) {
	case 0:
		b[r.IntN(len(b))] = byte(r.Uint32())
	case 1:
		b = b[:r.IntN(len(b))]
	case 2:
		b = append(b, corpus[r.IntN(len(corpus))]...)
	}
	return b
}

func noisySocket(r *rand.Rand, corpus []string) error {
	path := []string{"/socket.io/", "/packed/", "/brief/"}[r.IntN(3)]
	header := "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	early := maskFrame(fin|opText, mutatePacket(r, corpus))
	w, err := sharedProcess.dialWebSocket(path+"?transport=websocket&EIO="+[]string{"3", "4"}[r.IntN(2)], header, early)
	if err != nil {
		return err
	}
	defer w.Close()
	for range r.IntN(30) {
		packet := mutatePacket(r, corpus)
		head := byte(fin | opText)
		switch r.IntN(10) {
		case 0:
			head = byte(r.Uint32())
		case 1:
			head = fin | opBinary
		case 2:
			w.writeRaw(maskFrame(opText, packet))
			head, packet = fin|opContinue, mutatePacket(r, corpus)
		case 3:
			head, packet = fin|rsv1|opText, deflateData(packet)
		}
		w.writeRaw(maskFrame(head, packet))
	}
	if r.IntN(2) == 0 {
		return w.Conn.(*net.TCPConn).SetLinger(0)
	}
	w.writeRaw(buildCloseFrame(goingWell, ""))
	return nil
}

func noisyPoller(ctx context.Context, r *rand.Rand, corpus []string) error {
	revision := []string{"3", "4"}[r.IntN(2)]
	target := []string{"/socket.io/", "/packed/", "/brief/"}[r.IntN(3)] + "?transport=polling&EIO=" + revision
	a, err := sharedProcess.sendRequest(ctx, "GET", target, nil)
	if err != nil {
		return err
	}
	_, sid, _ := strings.Cut(a.body, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	target += "&sid=" + sid
	for range r.IntN(10) {
		var body strings.Builder
		for range 1 + r.IntN(5) {
			packet := string(mutatePacket(r, corpus))
			if revision == "3" {
				body.WriteString(string(rune('0'+len(packet)/10%10)) + string(rune('0'+len(packet)%10)) + ":" + packet)
			} else {
				body.WriteString(packet + "\x1e")
			}
		}
		body.WriteString("6")
		if _, err := sharedProcess.sendRequest(ctx, "POST", target, strings.NewReader(body.String())); err != nil {
			return err
		}
	}
	_, err = sharedProcess.sendRequest(ctx, "POST", target, strings.NewReader(map[string]string{"3": "1:1", "4": "1"}[revision]))
	return err
}
