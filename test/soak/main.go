// Command soak runs a mixed load on a Caddy for a long time. It fails if a message or an
// acknowledgement is lost, or if memory, goroutines, descriptors, timers, rooms or maps grow.
//
// The load stops for a calm every few minutes. In a calm only the residents are connected, which
// stay for the whole run, so that the values of all calms can be compared.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	if err := runSoak(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// soak is one run.
type soak struct {
	server    *server
	official  *officialClients // nil without Node.js
	residents []*resident
	ledger    ledger
	gate      *gate
	length    time.Duration
	start     time.Time
	dir       string

	// Owned by the main goroutine.
	samples []sample
	faults  []string
}

// runSoak runs the load that the flags describe.
func runSoak() error {
	length := flag.Duration("time", 10*time.Minute, "length of the run")
	program := flag.String("caddy", "bin/caddy", "path of Caddy with this module")
	node := flag.String("node", "node", "command of Node.js, or empty to leave the official clients out")
	dir := flag.String("out", "bin/soak", "directory for the table, the plot and the log")
	load := flag.Float64("load", 1, "factor for the number of clients")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	backend, err := startBackend()
	if err != nil {
		return err
	}
	defer backend.Close()
	s := &soak{gate: newGate(), length: *length, start: time.Now(), dir: *dir}
	if s.server, err = startServer(*program, *dir, backend.Addr().String()); err != nil {
		return err
	}
	if *node != "" {
		if s.official, err = startOfficialClients(*node, "test/soak/clients.js", "http://"+s.server.address); err != nil {
			return errors.Join(err, s.server.stopServer())
		}
	}
	s.runLoad(ctx, *load)
	if err := s.server.stopServer(); err != nil {
		s.faults = append(s.faults, err.Error())
	}
	if err := s.writeResults(); err != nil {
		return err
	}
	fmt.Print(s.formatTable())
	if faults := s.listFaults(); len(faults) > 0 {
		return fmt.Errorf("\nsoak failed:\n%s\nallocations that grew most:\n%s", strings.Join(faults, "\n"), s.listGrowingSites())
	}
	return nil
}

// runLoad starts the clients, and takes samples until the time is over.
func (s *soak) runLoad(ctx context.Context, load float64) {
	loadCtx, endLoad := context.WithCancel(ctx)
	residentCtx, endResidents := context.WithCancel(ctx)
	var clients, residents, ready sync.WaitGroup
	for i := range scaleCount(30, load) {
		r := &resident{name: fmt.Sprintf("resident %d", i), room: fmt.Sprintf("room %d", i%residentRooms), kind: kinds[i/residentRooms%len(kinds)]}
		r.sequence = newSequence(r.name, &s.ledger)
		s.residents = append(s.residents, r)
		ready.Add(1)
		residents.Go(func() { s.runResident(residentCtx, r, sync.OnceFunc(ready.Done)) })
	}
	ready.Wait()
	for i := range scaleCount(20, load) {
		clients.Go(func() { s.runVisitors(loadCtx, i) })
	}
	for i := range scaleCount(6, load) {
		clients.Go(func() { s.runSlowReaders(loadCtx, i) })
	}
	clients.Go(func() { s.runStorms(loadCtx, scaleCount(200, load), 60*time.Second) })
	clients.Go(func() { s.runReloads(loadCtx, min(time.Minute, s.length/15)) })
	clients.Go(func() { s.runAPI(loadCtx) })
	s.takeSamples(ctx)
	endLoad()
	clients.Wait()
	endResidents()
	s.official.stopProcess()
	residents.Wait()
}

// scaleCount returns a number of clients, at least one.
func scaleCount(count int, load float64) int { return max(1, int(float64(count)*load)) }

// takeSamples takes a sample every few seconds and makes a calm every few minutes, until the time
// is over.
func (s *soak) takeSamples(ctx context.Context) {
	cycle := min(max(s.length/24, 75*time.Second), 5*time.Minute)
	for ctx.Err() == nil && time.Since(s.start) < s.length {
		calmAt := time.Now().Add(cycle - calmLength)
		for ctx.Err() == nil && time.Now().Before(calmAt) {
			if one, err := s.server.takeSample(ctx, time.Since(s.start), false); err == nil {
				s.samples = append(s.samples, one)
			}
			sleepFor(ctx, min(10*time.Second, time.Until(calmAt)))
		}
		s.gate.closeGate()
		s.official.sendCommand("calm")
		s.sampleCalm(ctx)
		s.official.sendCommand("load")
		s.gate.openGate()
		if err := s.writeResults(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

const (
	// calmLength is the usual length of a calm: heartbeats, recovery and history are over.
	calmLength = 45 * time.Second
	// maxCalm is the longest time until only the residents are connected.
	maxCalm = 90 * time.Second
)

// sampleCalm waits until only residents are connected and all limits in time of the config are
// over, and takes a sample.
func (s *soak) sampleCalm(ctx context.Context) {
	began := time.Now()
	sleepFor(ctx, calmLength-5*time.Second)
	official := s.official.lastReport()
	want := float64(len(s.residents) + official.Connections)
	one, err := s.server.takeSample(ctx, time.Since(s.start), true)
	for ctx.Err() == nil && (err != nil || one.Values[valueConnections] != want) {
		if time.Since(began) > maxCalm {
			s.faults = append(s.faults, fmt.Sprintf("%s: %.0f connections in a calm, want %.0f: %v", one.At.Round(time.Second), one.Values[valueConnections], want, err))
			break
		}
		sleepFor(ctx, time.Second)
		one, err = s.server.takeSample(ctx, time.Since(s.start), true)
	}
	if ctx.Err() != nil {
		return
	}
	if s.official != nil {
		for range 2 { // the first report may be an old one
			select {
			case <-s.official.fresh:
			case <-s.official.ended:
				s.faults = append(s.faults, "the official clients ended")
			}
		}
	}
	s.compareResidents(s.official)
	s.samples = append(s.samples, one)
}

// writeResults writes the table and the plot.
func (s *soak) writeResults() error {
	table := os.WriteFile(filepath.Join(s.dir, "table.txt"), []byte(s.formatTable()), 0o600)
	plot := os.WriteFile(filepath.Join(s.dir, "plot.svg"), []byte(drawPlot(s.samples)), 0o600)
	return errors.Join(table, plot)
}
