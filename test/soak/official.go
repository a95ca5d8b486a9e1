package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
)

// officialClients is a Node.js process with official clients of each generation.
type officialClients struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	ended  chan struct{} // closed when the process has ended
	mu     sync.Mutex    // guards report
	report officialReport
	fresh  chan struct{} // receives a value for each report; never closed
}

// officialReport is a line that the Node.js process writes each second.
type officialReport struct {
	Ready             bool
	Connections       int
	Delivered, Acks   int64
	Lost, Repeated    int64
	Corrupted         int64
	LateAcks, Drops   int64
	Recovered, Others int64 // reconnects that were recovered, and others
	Complaints        []string
	Clients           []officialClient
}

// officialClient is an official client that stays for the whole run.
type officialClient struct {
	Name, Room string
	Sent       int64
	Last       map[string]int64
}

// startOfficialClients runs clients.js. node is the command of Node.js.
func startOfficialClients(node, script, url string) (*officialClients, error) {
	o := &officialClients{ended: make(chan struct{}), fresh: make(chan struct{}, 1)}
	o.cmd = exec.Command(node, script, url, fmt.Sprint(residentRooms))
	o.cmd.Stderr = os.Stderr
	var err error
	if o.stdin, err = o.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := o.cmd.Start(); err != nil {
		return nil, err
	}
	go o.readReports(out)
	return o, nil
}

// readReports keeps the last report, until the process ends.
func (o *officialClients) readReports(out io.Reader) {
	defer close(o.ended)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r officialReport
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			fmt.Fprintf(os.Stderr, "clients.js: %s\n", lines.Bytes())
			continue
		}
		o.mu.Lock()
		o.report = r
		o.mu.Unlock()
		select {
		case o.fresh <- struct{}{}:
		default:
		}
	}
	_ = o.cmd.Wait()
}

// sendCommand writes a command: calm, load or stop.
func (o *officialClients) sendCommand(command string) {
	if o != nil {
		fmt.Fprintln(o.stdin, command)
	}
}

// lastReport returns the last report, an empty one without a process.
func (o *officialClients) lastReport() officialReport {
	if o == nil {
		return officialReport{Ready: true}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.report
}

// listClients returns the clients of the last report.
func (o *officialClients) listClients() []officialClient { return o.lastReport().Clients }

// listSent returns the number of the last message of each official client, by room.
func (o *officialClients) listSent() map[string][]sentNumber {
	sent := make(map[string][]sentNumber)
	for _, c := range o.listClients() {
		sent[c.Room] = append(sent[c.Room], sentNumber{c.Name, c.Sent})
	}
	return sent
}

// stopProcess ends the process.
func (o *officialClients) stopProcess() {
	if o == nil {
		return
	}
	o.stdin.Close()
	<-o.ended
}
