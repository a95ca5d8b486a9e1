// Command bench compares Caddy with other servers, and writes docs/performance.md. See
// README.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/caddy-socketio/caddy-socketio/bench/report"
	"github.com/caddy-socketio/caddy-socketio/bench/scenarios"
	"github.com/caddy-socketio/caddy-socketio/bench/servers"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		exitWith(servers.ServeProgram(os.Args[2:]))
	}
	exitWith(runBenchmark())
}

func exitWith(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// options are the flags.
type options struct {
	settings  servers.Settings
	scenarios string
	peers     string
	rounds    int
	noise     float64
	repeats   int
	quick     bool
	out       string
	page      string
}

func runBenchmark() error {
	var o options
	flag.StringVar(&o.settings.Caddy, "caddy", "../bin/caddy-bench", "Caddy, built with -tags bench")
	flag.StringVar(&o.settings.Base, "base", "", "an older Caddy, measured beside the other one")
	flag.StringVar(&o.settings.Node, "node", "node", "Node.js")
	flag.StringVar(&o.settings.NodeDir, "node-dir", "node", "folder of server.js, with its packages")
	flag.StringVar(&o.settings.Dir, "dir", "../bin/bench", "folder for configs, logs and results")
	flag.StringVar(&o.scenarios, "scenarios", "", "scenarios, separated by commas; all by default")
	flag.StringVar(&o.peers, "peers", "", "servers, separated by commas; all by default")
	flag.IntVar(&o.rounds, "rounds", 2, "rounds")
	flag.Float64Var(&o.noise, "noise", 0.25, "CPUs that other processes may use; beyond it, a round is repeated")
	flag.IntVar(&o.repeats, "repeats", 2, "repetitions of a scenario's round that other processes disturb")
	flag.BoolVar(&o.quick, "quick", false, "one short round of some scenarios, only printed")
	flag.StringVar(&o.out, "out", "", "file for the results, as JSON")
	flag.StringVar(&o.page, "page", "", "page to write, from this run or from the files of results in the arguments")
	flag.Parse()
	if flag.NArg() > 0 {
		run, err := report.Merge(flag.Args())
		if err != nil {
			return err
		}
		return report.WritePage(o.page, run)
	}
	return o.runRounds()
}

// runRounds runs all rounds and writes the results.
func (o *options) runRounds() error {
	maxSockets, err := raiseDescriptors()
	if err != nil {
		return err
	}
	if err := o.prepareFiles(); err != nil {
		return err
	}
	run := &report.Run{Machine: report.ReadMachine(o.settings.Node), Date: time.Now().UTC().Format(time.DateOnly)}
	if maxSockets < 20_000 {
		run.Notes = append(run.Notes, fmt.Sprintf("The hard limit of file descriptors allows %d connections, so that is the largest room.", maxSockets))
	}
	for round := 1; round <= o.rounds; round++ {
		for _, s := range scenarios.All() {
			if o.scenarios != "" && !slices.Contains(strings.Split(o.scenarios, ","), s.Name) || o.scenarios == "" && o.quick && !s.Quick {
				continue
			}
			results, err := o.measureScenario(s, round, maxSockets)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			run.Results = append(run.Results, results...)
		}
	}
	report.Print(os.Stdout, run)
	if o.out != "" {
		if err := run.Save(o.out); err != nil {
			return err
		}
	}
	if o.page != "" {
		return report.WritePage(o.page, run)
	}
	return nil
}

// prepareFiles makes paths absolute and writes the certificate.
func (o *options) prepareFiles() error {
	var err error
	s := &o.settings
	if s.Self, err = os.Executable(); err != nil {
		return err
	}
	for _, path := range []*string{&s.Caddy, &s.Base, &s.NodeDir, &s.Dir} {
		if *path != "" {
			if *path, err = filepath.Abs(*path); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	return s.WriteCertificate()
}

// measureScenario measures all peers in turn, again if other processes disturbed one of them.
func (o *options) measureScenario(s scenarios.Scenario, round, maxSockets int) ([]report.Result, error) {
	for attempt := 0; ; attempt++ {
		var results []report.Result
		noise := 0.0
		for _, peer := range s.Peers {
			if peer == "base" && o.settings.Base == "" || o.peers != "" && !slices.Contains(strings.Split(o.peers, ","), peer) {
				continue
			}
			begin := time.Now()
			r := &scenarios.Run{Settings: &o.settings, Peer: peer, Quick: o.quick, MaxSockets: maxSockets}
			if err := s.Measure(r); err != nil {
				return nil, err
			}
			noise = max(noise, r.Noise)
			results = append(results, r.Results...)
			fmt.Printf("round %d, %s, %s: %.1f s, others used %.2f CPUs\n", round, s.Name, peer, time.Since(begin).Seconds(), r.Noise)
		}
		disturbed := noise > o.noise
		if disturbed && attempt < o.repeats {
			fmt.Printf("round %d, %s: again, as other processes used %.2f CPUs\n", round, s.Name, noise)
			continue
		}
		for i := range results {
			results[i].Scenario, results[i].Round, results[i].Noisy = s.Name, round, disturbed
		}
		return results, nil
	}
}

// descriptorReserve is for files that are no connections.
const descriptorReserve = 300

// raiseDescriptors raises the limit of file descriptors to the hard limit, which servers
// inherit, and returns the number of connections that it allows.
func raiseDescriptors() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	return int(min(limit.Max, 1<<20)) - descriptorReserve, nil
}
