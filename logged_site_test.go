package socketio

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// loggedSite is a site whose logs are in two files: the access log, and the log of
// everything else at debug level.
type loggedSite struct {
	*caddyServer
	access, events string // paths
}

// startLogged runs a site with the logs that docs/operations/logs.md advises.
func startLogged(t *testing.T, directives string) *loggedSite {
	t.Helper()
	dir := t.TempDir()
	l := &loggedSite{access: filepath.Join(dir, "access.json"), events: filepath.Join(dir, "events.json")}
	l.caddyServer = startCaddy(t, false, "respond 404")
	l.loadSite(fmt.Sprintf(`
	@polls {
		path /socket.io/*
		query transport=polling sid=*
	}
	log_skip @polls
	log {
		output watched_file %s
		format filter {
			wrap json
			request>uri query {
				hash sid
				replace token REDACTED
			}
		}
	}
	%s`, l.access, directives), func(config map[string]any) {
		logs := config["logging"].(map[string]any)["logs"].(map[string]any)
		own := logs["default"].(map[string]any)
		own["writer"], own["level"] = map[string]any{"output": "watched_file", "filename": l.events}, "DEBUG"
		own["encoder"] = map[string]any{"format": "filter", "wrap": map[string]any{"format": "json"}, "fields": map[string]any{
			"request>uri": map[string]any{"filter": "query", "actions": []any{
				map[string]any{"type": "hash", "parameter": "sid"},
				map[string]any{"type": "replace", "parameter": "token", "value": "REDACTED"},
			}},
		}}
	})
	return l
}

// readLines returns the lines of a log.
func (l *loggedSite) readLines(path string) (lines []map[string]any) {
	l.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		l.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil { // or it is being written
			lines = append(lines, fields)
		}
	}
	return lines
}

// awaitLines waits until a log has count lines with the message, and returns them.
func (l *loggedSite) awaitLines(path, message string, count int) (found []map[string]any) {
	l.t.Helper()
	written := watchedFile{path}.written()
	for late := time.After(time.Minute); ; {
		found = nil
		for _, line := range l.readLines(path) {
			if line["msg"] == message {
				found = append(found, line)
			}
		}
		if len(found) >= count {
			return found
		}
		select {
		case <-written:
		case <-late:
			l.t.Fatalf("%d lines %q, want %d", len(found), message, count)
		}
	}
}

func init() { caddy.RegisterModule(watchedFile{}) }

// watchedFile is a writer of logs: a file whose lines a test can await.
type watchedFile struct {
	Filename string `json:"filename"`
}

// watchers has a channel for each path, which gets a value after a line was written. It has
// room for one.
var watchers sync.Map

// written returns the channel of the file.
func (f watchedFile) written() chan struct{} {
	ch, _ := watchers.LoadOrStore(f.Filename, make(chan struct{}, 1))
	return ch.(chan struct{})
}

func (watchedFile) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.writers.watched_file", New: func() caddy.Module { return new(watchedFile) }}
}

func (f watchedFile) String() string    { return f.Filename }
func (f watchedFile) WriterKey() string { return "watched_file:" + f.Filename }

func (f *watchedFile) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if d.Next(); !d.AllArgs(&f.Filename) {
		return d.ArgErr()
	}
	return nil
}

func (f watchedFile) OpenWriter() (io.WriteCloser, error) {
	file, err := os.OpenFile(f.Filename, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return notifyingFile{file, f.written()}, err
}

// notifyingFile is an open watchedFile.
type notifyingFile struct {
	*os.File
	written chan<- struct{}
}

func (f notifyingFile) Write(line []byte) (int, error) {
	n, err := f.File.Write(line)
	select {
	case f.written <- struct{}{}:
	default:
	}
	return n, err
}
