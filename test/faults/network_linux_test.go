package faults_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
)

// link is a network of two ends: the test's, and a network namespace with clients.
type link struct {
	t         *testing.T
	namespace string
	near, far string // addresses
	netem     bool   // the kernel has the queueing discipline netem
}

// createLink makes a namespace and a pair of virtual interfaces, which the end of the test
// removes. It skips the test where that is impossible.
func createLink(t *testing.T) *link {
	t.Helper()
	for _, program := range []string{"ip", "iptables"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	id := os.Getpid() % 50_000
	l := &link{t: t, namespace: fmt.Sprintf("faults%d", id), near: fmt.Sprintf("10.%d.%d.1", 200+id/1000, id%250), far: fmt.Sprintf("10.%d.%d.2", 200+id/1000, id%250)}
	if out, err := exec.Command("ip", "netns", "add", l.namespace).CombinedOutput(); err != nil {
		t.Skipf("network namespaces: %v %s", err, out)
	}
	t.Cleanup(func() {
		_ = exec.Command("ip", "link", "del", l.hostInterface()).Run()
		_ = exec.Command("ip", "netns", "del", l.namespace).Run()
	})
	l.run("ip", "link", "add", l.hostInterface(), "type", "veth", "peer", "name", "end", "netns", l.namespace)
	l.run("ip", "addr", "add", l.near+"/24", "dev", l.hostInterface())
	l.run("ip", "link", "set", l.hostInterface(), "up")
	l.runInside("ip", "addr", "add", l.far+"/24", "dev", "end")
	l.runInside("ip", "link", "set", "lo", "up")
	l.runInside("ip", "link", "set", "end", "up")
	l.netem = exec.Command("tc", "qdisc", "add", "dev", l.hostInterface(), "root", "netem", "loss", "0%").Run() == nil
	return l
}

func (l *link) hostInterface() string { return "fv" + strings.TrimPrefix(l.namespace, "faults") }

func (l *link) run(command ...string) {
	l.t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		l.t.Fatalf("%q: %v %s", command, err, out)
	}
}

func (l *link) runInside(command ...string) {
	l.t.Helper()
	l.run(append([]string{"ip", "netns", "exec", l.namespace}, command...)...)
}

// setLoss makes the link lose a part of the packets, in both directions: by netem, or by rules
// of iptables in the namespace if the kernel has no netem.
func (l *link) setLoss(percent int) {
	l.t.Helper()
	if l.netem {
		loss := fmt.Sprintf("%d%%", percent)
		l.run("tc", "qdisc", "replace", "dev", l.hostInterface(), "root", "netem", "loss", loss)
		l.runInside("tc", "qdisc", "replace", "dev", "end", "root", "netem", "loss", loss)
		return
	}
	for _, chain := range []string{"INPUT", "OUTPUT"} {
		l.runInside("iptables", "-F", chain)
		if percent > 0 {
			l.runInside("iptables", "-A", chain, "-m", "statistic", "--mode", "random", "--probability", fmt.Sprintf("0.%02d", percent), "-j", "DROP")
		}
	}
}

// setState takes the link "up", or "down" without a word to either end.
func (l *link) setState(state string) {
	l.t.Helper()
	l.runInside("ip", "link", "set", "end", state)
}

// resetConnections begins ("-I") or ends ("-D") to reset all connections whose packets arrive.
func (l *link) resetConnections(change string) {
	l.t.Helper()
	l.runInside("iptables", change, "INPUT", "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset")
}

// officialClient is the record of a client of network_clients.mjs.
type officialClient struct {
	Name                string
	Numbers             []int
	Connects, Recovered int
}

// startOfficialClients starts network_clients.mjs in the namespace and returns its output.
func (l *link) startOfficialClients(url string) (*exec.Cmd, *logLines) {
	l.t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		l.t.Skip(err)
	}
	if _, err := os.Stat(filepath.Join("..", "e2e", "node_modules", "socket.io-client-4")); err != nil {
		l.t.Skip(err)
	}
	output := newLogLines()
	clients := exec.Command("ip", "netns", "exec", l.namespace, "node", "network_clients.mjs", url)
	clients.Stdout, clients.Stderr = output, output
	if err := clients.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		_ = clients.Process.Kill() // it has ended, unless the test failed
		_ = clients.Wait()
	})
	return clients, output
}

// TestLossyNetwork emits events to official clients over a network that loses 30 % of the
// packets, resets all connections, and then is cut for longer than a heartbeat takes. By the
// recovery of their connections, all clients receive every event once and in order.
func TestLossyNetwork(t *testing.T) {
	l := createLink(t)
	port := strconv.Itoa(freeport.Choose())
	p := startCaddy(t, setup{address: l.near + ":" + port, site: `socketio {
		recovery 5m
		ping_interval 700ms
		ping_timeout 1500ms
		namespace / {
			join lobby
		}
	}`})
	const clients, events = 6, 120
	node, output := l.startOfficialClients("http://" + p.address)
	for output.countLines("connected") < clients {
		select {
		case <-output.arrived:
		case <-time.After(maxWait):
			t.Fatalf("the clients have not connected:\n%s", output.lastLines("", 40))
		}
	}
	l.setLoss(30)
	faults := map[int]func(){ // by the number of the event
		20: func() { l.resetConnections("-I") },
		26: func() { l.resetConnections("-D") },
		50: func() { l.setState("down") },
		95: func() { l.setState("up") }, // after more than a heartbeat
	}
	for n := range events {
		if fault := faults[n]; fault != nil {
			fault()
		}
		p.emitFromAPI(t, fmt.Sprintf(`{"event":"said","args":[%d],"to":["lobby"]}`, n))
		time.Sleep(50 * time.Millisecond)
	}
	l.setLoss(0)
	p.emitFromAPI(t, `{"event":"done","to":["lobby"]}`)
	ended := make(chan error, 1)
	go func() { ended <- node.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("%v\n%s", err, output.lastLines("", 40))
		}
	case <-time.After(2 * maxWait):
		t.Fatal("the clients do not end")
	}
	checkOfficialClients(t, output.lastLines("[{", 1), clients, events)
}

// checkOfficialClients checks the records of clients: all numbers, in order, each once.
func checkOfficialClients(t *testing.T, records string, clients, events int) {
	t.Helper()
	var all []officialClient
	if err := json.Unmarshal([]byte(records), &all); err != nil || len(all) != clients {
		t.Fatalf("%d records: %v\n%s", len(all), err, records)
	}
	want := make([]int, events)
	for n := range want {
		want[n] = n
	}
	lost := 0
	for _, c := range all {
		if !slices.Equal(c.Numbers, want) {
			t.Errorf("%s: got %v", c.Name, c.Numbers)
		}
		if c.Recovered != c.Connects-1 {
			t.Errorf("%s: %d of %d connections are recovered", c.Name, c.Recovered, c.Connects-1)
		}
		lost += c.Connects - 1
		t.Logf("%s: %d connects, %d events", c.Name, c.Connects, len(c.Numbers))
	}
	if lost < clients {
		t.Errorf("the clients lost %d connections only", lost)
	}
}
