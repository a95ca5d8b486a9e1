// Package officialtest compares our parsers with the official ones of Node.js. Their results for a
// corpus are in testdata of the packages; a fuzz target may ask a Node.js process for more.
// test/e2e/parsers.js writes the corpus and is that process.
package officialtest

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Input is a text or bytes, for the parsers of a protocol.
type Input struct {
	// Protocol is a name in parsers.js, like "engine 4 payload" or "socket 5".
	Protocol string `json:"protocol"`
	Text     string `json:"text,omitempty"`
	// Bytes is set for binary input.
	Bytes []byte `json:"bytes,omitempty"`
	// Attachments are the binary messages after the text of a packet of Socket.IO.
	Attachments [][]byte `json:"attachments,omitempty"`
	// Encoded is set if an official encoder has written the input.
	Encoded bool `json:"encoded,omitempty"`
}

// Packet is a packet that the official parsers return: of Engine.IO with Text or Bytes, of
// Socket.IO with Namespace, ID and Data.
type Packet struct {
	Type      any     `json:"type"`
	Text      string  `json:"text"`
	Bytes     *[]byte `json:"bytes"`
	Namespace string  `json:"namespace"`
	// ID is a number of JavaScript: a long one is rounded.
	ID   *float64 `json:"id"`
	Data string   `json:"data"`
}

// Result is the result of an input. A line of a corpus holds both.
type Result struct {
	Packets []Packet `json:"packets"`
	// Error is set if the parsers reject the input.
	Error bool `json:"error"`
	// Differ is set if the parsers of several generations disagree.
	Differ bool `json:"differ"`
}

// ReadCorpus calls each for the lines of testdata/official.jsonl.
func ReadCorpus(t testing.TB, each func(Input, Result)) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "official.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := json.NewDecoder(file); ; {
		var line struct {
			Input
			Result
		}
		if err := lines.Decode(&line); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		each(line.Input, line.Result)
	}
}

// Parsers is a Node.js process with the official parsers. One goroutine at a time uses it.
type Parsers struct {
	mu   sync.Mutex // guards the pipes
	in   io.WriteCloser
	out  *bufio.Reader
	kill func() error
}

// StartParsers starts the process of parsers.js, for the rest of the test. It returns nil unless
// the environment variable OFFICIAL_PARSERS has the path of parsers.js: seeds are tested without
// Node.js.
func StartParsers(t testing.TB) *Parsers {
	t.Helper()
	script := os.Getenv("OFFICIAL_PARSERS")
	if script == "" {
		return nil
	}
	cmd := exec.Command("node", script, "serve")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait() // its results are compared, not its exit code
	})
	return &Parsers{in: in, out: bufio.NewReader(out), kill: cmd.Process.Kill}
}

// maxWait is the longest time that the official parsers take for an input.
const maxWait = 5 * time.Second

// Decode returns the result of an input.
func (p *Parsers) Decode(t testing.TB, input Input) (result Result) {
	t.Helper()
	line, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	late := time.AfterFunc(maxWait, func() { _ = p.kill() }) // the read below fails
	defer late.Stop()
	if _, err = p.in.Write(append(line, '\n')); err == nil {
		line, err = p.out.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(line, &result)
	}
	if err != nil {
		t.Fatalf("official parsers, %+v: %v", input, err)
	}
	return result
}
