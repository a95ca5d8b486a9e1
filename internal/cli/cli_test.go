package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// runCaddy runs `caddy`, with the command socketio alone, and returns its output.
func runCaddy(args ...string) (stdout, stderr string, err error) {
	root := &cobra.Command{Use: "caddy", SilenceUsage: true, SilenceErrors: true}
	command := Command()
	parent := &cobra.Command{Use: command.Name + " " + command.Usage, Short: command.Short, Long: command.Long}
	root.AddCommand(parent)
	command.CobraFunc(parent)
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetArgs(args)
	err = root.Execute()
	return out.String(), errs.String(), err
}

// TestCompletion calls the hidden command of the scripts that `caddy completion` makes.
func TestCompletion(t *testing.T) {
	const files, noFiles = ":0\n", ":4\n"
	for _, c := range []struct {
		args []string
		want string // a part
	}{
		{[]string{""}, "emit\tEmits an event\njoin\t"},
		{[]string{"em"}, "emit\tEmits an event\n" + noFiles},
		{[]string{"emit", "--ac"}, "--ack\tWait this long"},
		{[]string{"emit", ""}, noFiles},
		{[]string{"emit", "--address", "127.0.0.1:1", "--to", ""}, noFiles},
		{[]string{"rooms", "--address", "127.0.0.1:1", "--namespace", ""}, noFiles},
		{[]string{"status", "--config", ""}, files},
	} {
		out, _, err := runCaddy(append([]string{cobra.ShellCompRequestCmd, "socketio"}, c.args...)...)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%q: got %q, %v, want %q", c.args, out, err, c.want)
		}
	}
}

func TestHelp(t *testing.T) {
	for args, want := range map[string]string{
		"":            "socketio <command> [flags]\n",
		"--help":      "Available Commands:\n  disconnect  Disconnects sockets\n",
		"emit --help": "emit <event> [<argument>...] [flags]\n\nExamples:\n  $ caddy socketio emit news",
	} {
		out, errs, err := runCaddy(append([]string{"socketio"}, strings.Fields(args)...)...)
		if err != nil || errs != "" || !strings.Contains(out, want) {
			t.Errorf("%q: got %s%s, %v", args, out, errs, err)
		}
	}
}

// Errors of flags name the flag and the expected value, not the Go function that failed.
func TestFlagErrorsArePlain(t *testing.T) {
	for args, want := range map[string]string{
		"rooms --limit ten":                    `--limit: unexpected "ten", expected a number`,
		"sockets --limit 99999999999999999999": `--limit: unexpected "99999999999999999999", expected a number`,
		"emit x --ack 5":                       `--ack: unexpected "5", expected a duration like 500ms or 5s`,
		"emit x --volatile=perhaps":            `--volatile: unexpected "perhaps", expected true or false`,
		"status --json=7":                      `--json: unexpected "7", expected true or false`,
		"disconnect":                           "expected the sockets to disconnect: --in ROOM, --except ROOM, or --all for all sockets of the namespace",
		"disconnect --all --in a":              "--all: unexpected with --in or --except",
	} {
		if _, _, err := runCaddy(append([]string{"socketio"}, strings.Fields(args)...)...); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := &progressReader{in: strings.NewReader("a\nb\n"), terminal: &out}
	if _, err := io.ReadAll(p); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		t.Errorf("short input: shown %q", out.String())
	}
	p.countLines(10, time.Now().Add(time.Minute))
	p.countLines(10, time.Now().Add(time.Minute)) // too soon after
	p.clearProgress()
	p.clearProgress()
	p.countLines(10, time.Now().Add(time.Hour))
	if got, want := out.String(), "\r12 lines\r\x1b[K"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnprintableTextIsQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"lobby": "lobby", "naïve 🐿": "naïve 🐿", "a\nb": `"a\nb"`, "\x1b[2J": `"\x1b[2J"`, "\xff": `"\xff"`, "\u202e": `"\u202e"`,
	} {
		if got := quoteUnprintable(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	if got := truncateText(strings.Repeat("é", 100)); got != strings.Repeat("é", 79)+"…" {
		t.Errorf("got %s", got)
	}
}
