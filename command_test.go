package socketio

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/cli"
	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
	"github.com/spf13/cobra"
)

// runCommand runs `caddy socketio` with arguments and standard input, and returns its output.
func runCommand(input string, args ...string) (stdout, stderr string, err error) {
	root := &cobra.Command{Use: "caddy", SilenceUsage: true, SilenceErrors: true}
	command := &cobra.Command{Use: "socketio"}
	root.AddCommand(command)
	cli.Command().CobraFunc(command)
	var out, errs bytes.Buffer
	root.SetIn(strings.NewReader(input))
	root.SetOut(&out)
	root.SetErr(&errs)
	if args[0] == cobra.ShellCompRequestCmd {
		args = append([]string{args[0], "socketio"}, args[1:]...)
	} else {
		args = append([]string{"socketio"}, args...)
	}
	root.SetArgs(args)
	err = root.Execute()
	return out.String(), errs.String(), err
}

// commandTest runs commands against a server.
type commandTest struct{ *caddyServer }

// expectOutput runs a command, expects it to succeed, and compares its output.
func (c commandTest) expectOutput(want string, args ...string) {
	c.t.Helper()
	got, errs, err := runCommand("", append(args, "--address", c.admin)...)
	if err != nil || errs != "" {
		c.t.Errorf("%v: %v %s", args, err, errs)
	}
	if got != want {
		c.t.Errorf("%v: got\n%s\nwant\n%s", args, got, want)
	}
}

// expectError runs a command and expects an error of one line that contains want.
func (c commandTest) expectError(want string, args ...string) {
	c.t.Helper()
	_, _, err := runCommand("", append(args, "--address", c.admin)...)
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		c.t.Errorf("%v: got %v, want %s", args, err, want)
	}
}

func TestCommandsWriteText(t *testing.T) {
	for name, unix := range map[string]bool{"TCP": false, "Unix": true} {
		t.Run(name, func(t *testing.T) {
			s := startCaddy(t, unix, chatDirectives)
			c := commandTest{s}
			client := s.connectPolling("/chat")
			c.expectOutput("queued for 1 socket on this node\n", "emit", "news", "-n", "/chat", "--to", "lobby", "7", `{"a":[true]}`, "text, too")
			if got := client.pollPackets(); got != `42/chat,["news",7,{"a":[true]},"text, too"]` {
				t.Errorf("got %s", got)
			}
			c.expectOutput(`{"delivered":0}`+"\n", "emit", "news", "--namespace", "/chat", "--except", client.id, "--json",
				"--volatile", "--local", "--compress=false")
			c.expectOutput("joined by 1 socket on this node\n", "join", "-n", "/chat", "--in", "lobby", "room:a", "room:b")
			c.expectOutput("left by 0 sockets on this node\n", "leave", "-n", "/chat", "--in", "lobby", "--except", "room:a", "room:b")
			c.expectOutput("ROOM    SOCKETS\nroom:b  1\n", "rooms", "-n", "/chat", "--prefix", "room:b", "--limit", "2")
			c.expectOutput("NAMESPACE  SOCKETS  ROOMS\n/          0        0\n/chat      1        4\n", "namespaces", "-n", "/chat")
			c.expectOutput("version "+moduleVersion()+"\n\nHUB      CONNECTIONS  NAMESPACES  SOCKETS  ROOMS  CLUSTER\ndefault  1            2           1        4      memory\n",
				"status")
			c.expectOutput("[]\n", "sockets", "--in", "nobody", "--except", "somebody", "--local", "--json", "--after", "x")
			c.expectOutput("ROOM    SOCKETS\nlobby   1\nroom:a  1\nroom:b  1\n", "rooms", "-n", "/chat")
			c.expectOutput("ROOM    SOCKETS\nlobby   1\nroom:a  1\nroom:b  1\n", "rooms", "-n", "/chat", "--own=false")
			c.expectOutput("ROOM"+strings.Repeat(" ", 18)+"SOCKETS\n"+client.id+"  1\n", "rooms", "-n", "/chat", "--own", "--prefix", client.id)
			c.expectOutput("disconnected 0 sockets on this node\n", "disconnect", "-n", "/chat", "--except", "lobby")
			c.expectOutput("disconnected 1 socket on this node\n", "disconnect", "-n", "/chat", "--in", client.id, "--close")
		})
	}
}

// TestCompletionOffersNamesOfTheRunningCaddy calls the hidden command of the scripts that
// `caddy completion` makes.
func TestCompletionOffersNamesOfTheRunningCaddy(t *testing.T) {
	s := startCaddy(t, false, chatDirectives)
	client := s.connectPolling("/chat")
	commandTest{s}.expectOutput("joined by 1 socket on this node\n", "join", "-n", "/chat", "--in", client.id, "room:a", "room:b", "evil\nname")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"rooms", "--hub", ""}, "default\n"},
		{[]string{"emit", "--namespace", ""}, "/\n/chat\n"},
		{[]string{"emit", "-n", "/c"}, "/chat\n"},
		{[]string{"emit", "x", "-n", "/chat", "--to", ""}, "lobby\nroom:a\nroom:b\n"},
		{[]string{"sockets", "-n", "/chat", "--except", "room:"}, "room:a\nroom:b\n"},
		{[]string{"leave", "-n", "/chat", "--in", "lobby", "r"}, "room:a\nroom:b\n"},
		{[]string{"rooms", "-n", "/nope", "--prefix", ""}, ""},
		{[]string{"status", "--hub", "x"}, ""},
	} {
		args := append([]string{test.args[0], "--address", s.admin}, test.args[1:]...)
		got, _, err := runCommand("", append([]string{cobra.ShellCompRequestCmd}, args...)...)
		if err != nil || got != test.want+":4\n" {
			t.Errorf("%q: got %q, %v, want %q", test.args, got, err, test.want)
		}
	}
}

func TestSocketsCommandQuotesAndPages(t *testing.T) {
	s := startCaddy(t, false, chatDirectives)
	client := s.connectPolling("/chat")
	s.connectPolling("/chat")
	commandTest{s}.expectOutput("joined by 1 socket on this node\n", "join", "-n", "/chat", "--in", client.id, "a\x1b[31mb")
	got, errs, err := runCommand("", "sockets", "-n", "/chat", "--in", client.id, "--address", s.admin, "--limit", "1")
	if err != nil || !strings.Contains(got, client.id) || !strings.Contains(got, `lobby "a\x1b[31mb"`) || strings.Contains(got, "\x1b") {
		t.Errorf("%v\n%s", err, got)
	}
	if want := "there may be more: --after " + client.id + "\n"; errs != want {
		t.Errorf("got %q, want %q", errs, want)
	}
}

func TestCommandErrorsAreOneLine(t *testing.T) {
	s := startCaddy(t, false, chatDirectives)
	c := commandTest{s}
	c.expectError(`HTTP 404: namespace: there is no namespace "/nope" in hub "default"`, "emit", "x", "-n", "/nope")
	c.expectError(`HTTP 404: hub: there is no hub "nope"`, "rooms", "--hub", "nope")
	c.expectError("HTTP 400: event: reserved event name", "emit", "disconnect")
	c.expectError("HTTP 400: ack.timeout", "emit", "x", "--ack", "1h")
	c.expectError("HTTP 400: limit", "rooms", "--limit", "0")
	c.expectError("expected the name of an event", "emit")
	c.expectError("expected no arguments with --stdin", "emit", "x", "--stdin")
	c.expectError("--to: not supported with standard input", "emit", "-", "--to", "a")
	c.expectError("invalid data", "emit", "x", `{"$binary":7}`)
	c.expectError("requires at least 1 arg", "join")
	c.expectError("unknown command", "status", "now")
	c.expectError("unknown flag", "status", "--now")
	c.expectError(`unknown command "stats": expected one of disconnect, drain, emit, join,`, "stats")
	c.expectError("argument 2: invalid UTF-8", "emit", "x", "\xff")
	c.expectError(`argument 3: {"a":1,} begins like JSON but is not: invalid character '}'`, "emit", "x", "1", `{"a":1,}`)
	c.expectError("argument 2: [admin] hi begins like JSON but is not", "emit", "x", "[admin] hi")
	c.expectError("HTTP 400: to: bad room name: it is empty", "emit", "x", "--to", "a", "--to", "")
	c.expectError("--to: invalid UTF-8", "emit", "x", "--to", "a", "--to", "\xff")

	c.admin = freeport.Address()
	c.expectError("refused", "status")
	c.admin = "unix/" + filepath.Join(t.TempDir(), "nothing.sock")
	c.expectError("no such file", "status")
}

func TestEmitCommandWaitsForAcks(t *testing.T) {
	s := startCaddy(t, false, chatDirectives)
	client := s.connectPolling("/chat")
	type result struct {
		out string
		err error
	}
	results := make(chan result)
	ask := func(timeout string) {
		out, _, err := runCommand("", "emit", "q", "-n", "/chat", "--ack", timeout, "--address", s.admin)
		results <- result{out, err}
	}
	go ask("1m")
	if got := client.pollPackets(); got != `42/chat,0["q"]` {
		t.Errorf("got %s", got)
	}
	client.postPacket(`43/chat,0["ok",1]`)
	if got := <-results; got.err != nil || got.out != "[\"ok\",1]\n1 of 1 client acknowledged\n" {
		t.Errorf("got %q, %v", got.out, got.err)
	}
	go ask("10ms")
	if got := <-results; got.err == nil || got.out != "0 of 1 client acknowledged\n" || !strings.Contains(got.err.Error(), "10ms") {
		t.Errorf("got %q, %v", got.out, got.err)
	}
}

func TestEmitCommandWithIDEmitsOnce(t *testing.T) {
	s := startCaddy(t, false, chatDirectives)
	client := s.connectPolling("/chat")
	for _, args := range []string{"once --id 1", "once --id 1", "last"} {
		if out, _, err := runCommand("", append([]string{"emit", "-n", "/chat", "--address", s.admin}, strings.Fields(args)...)...); err != nil {
			t.Errorf("%s: %s%v", args, out, err)
		}
	}
	if got := client.pollPackets(); got != "42/chat,[\"once\"]\x1e42/chat,[\"last\"]" {
		t.Errorf("got %q", got)
	}
}

func TestEmitCommandReadsLines(t *testing.T) {
	s := startCaddy(t, false, chatDirectives)
	client := s.connectPolling("/chat")
	good := `{"event":"a","to":["lobby"]}` + "\n" + `{"event":"b"}` + "\n"
	for _, args := range [][]string{{"emit", "-"}, {"emit", "--stdin"}} {
		out, errs, err := runCommand(good, append(args, "-n", "/chat", "--address", s.admin)...)
		if err != nil || errs != "" || out != "2 emits, queued for 2 sockets on this node\n" {
			t.Errorf("%v: %q %q %v", args, out, errs, err)
		}
		if got := client.pollPackets(); got != "42/chat,[\"a\"]\x1e42/chat,[\"b\"]" {
			t.Errorf("got %q", got)
		}
	}
	out, _, err := runCommand(good+"{}\nnonsense\n", "emit", "-", "-n", "/chat", "--address", s.admin)
	if err == nil || err.Error() != "line 3: event: expected the name of an event; and 1 line more" {
		t.Errorf("got %v", err)
	}
	if out != "2 emits, queued for 2 sockets on this node\n" {
		t.Errorf("got %q", out)
	}
	_, _, err = runCommand(strings.Repeat(good, 100_000), "emit", "-", "-n", "/nope", "--address", s.admin)
	if err == nil || !strings.HasSuffix(err.Error(), "and 199999 lines more") {
		t.Errorf("got %v", err)
	}
}

// TestCommandReadsAddressFromConfig proves that commands read the address of the admin
// endpoint from the config file.
func TestCommandReadsAddressFromConfig(t *testing.T) {
	s := startCaddy(t, false, chatDirectives)
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte("{\n\tadmin "+s.admin+"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err := runCommand("", "namespaces", "--json", "--config", file, "--adapter", "caddyfile")
	if err != nil || out != `[{"name":"/","sockets":0,"rooms":0},{"name":"/chat","sockets":0,"rooms":0}]`+"\n" {
		t.Errorf("%q %v", out, err)
	}
	if _, _, err := runCommand("", "namespaces", "--config", file+".missing"); err == nil {
		t.Error("a missing config file is accepted")
	}
}
