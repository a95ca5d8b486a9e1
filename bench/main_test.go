package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/bench/report"
	"github.com/caddy-socketio/caddy-socketio/bench/scenarios"
)

func TestEachScenarioHasASectionOnThePage(t *testing.T) {
	for _, s := range scenarios.All() {
		run := &report.Run{Results: []report.Result{{Scenario: s.Name, Case: "a case", Peer: "caddy", Values: map[string]float64{"rate": 1}}}}
		page := filepath.Join(t.TempDir(), "page.md")
		if err := report.WritePage(page, run); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "| a case | 1.00 |") {
			t.Errorf("%s: no section has its results", s.Name)
		}
	}
}
