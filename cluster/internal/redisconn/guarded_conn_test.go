package redisconn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// scriptedConn is a connection with fixed input.
type scriptedConn struct {
	net.Conn
	in io.Reader
}

func (s scriptedConn) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s scriptedConn) Write(p []byte) (int, error) { return len(p), nil }

// encodeCommands returns commands in their wire format.
func encodeCommands(commands ...string) string {
	var b strings.Builder
	for _, command := range commands {
		words := strings.Fields(command)
		b.WriteString("*" + string(rune('0'+len(words))) + "\r\n")
		for _, word := range words {
			b.WriteString("$" + string(rune('0'+len(word)/10)) + string(rune('0'+len(word)%10)) + "\r\n" + word + "\r\n")
		}
	}
	return b.String()
}

// exchangeGuarded writes commands and reads the reply, in chunks of size bytes. It returns
// the bytes that the guardedConn passed.
func exchangeGuarded(commands, reply string, size int) (string, error) {
	c := newGuardedConn(scriptedConn{in: strings.NewReader(reply)}, "host:1")
	for text := []byte(commands); len(text) > 0; {
		n, _ := c.Write(text[:min(size, len(text))])
		text = text[n:]
	}
	var passed bytes.Buffer
	_, err := io.CopyBuffer(struct{ io.Writer }{&passed}, struct{ io.Reader }{c}, make([]byte, size))
	return passed.String(), err
}

func TestGuardedConnStopsMalformedReplies(t *testing.T) {
	confirm := ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
	tests := []struct {
		name, commands, reply string
		want                  error
	}{
		{"all types", encodeCommands("HELLO 3", "X", "X", "X", "X"), "%1\r\n+a\r\n*2\r\n:-1\r\n$-1\r\n" + "~1\r\n#t\r\n" + "*0\r\n" + "=5\r\ntxt:x\r\n" + "(12\r\n", nil},
		{"a message between replies", encodeCommands("HELLO 3", "X"), "+a\r\n>3\r\n+message\r\n+c\r\n$3\r\na\r\n\r\n+b\r\n", nil},
		{"a confirmation for each channel", encodeCommands("HELLO 3", "SUBSCRIBE a b", "X"), "+a\r\n" + confirm + confirm + "+b\r\n", nil},
		{"a confirmation too many", encodeCommands("HELLO 3", "SUBSCRIBE a", "X"), "+a\r\n" + confirm + confirm + "+b\r\n", errConfirmation},
		{"a refused subscription", encodeCommands("HELLO 3", "SUBSCRIBE a", "X"), "+a\r\n-NOPERM\r\n+b\r\n", nil},
		{"a reply to a subscription", encodeCommands("HELLO 3", "SUBSCRIBE a"), "+a\r\n+OK\r\n", errNotConfirmation},
		{"the end of a subscription", encodeCommands("HELLO 3", "UNSUBSCRIBE a", "PING", "X"), "+a\r\n>3\r\n+unsubscribe\r\n+a\r\n:0\r\n+PONG\r\n+b\r\n", nil},
		{"a refused end", encodeCommands("HELLO 3", "UNSUBSCRIBE a", "PING", "X"), "+a\r\n-NOPERM\r\n+PONG\r\n+b\r\n", nil},
		{"a refused end without a pong", encodeCommands("HELLO 3", "UNSUBSCRIBE a", "PING", "X"), "+a\r\n-NOPERM\r\n-NOPERM\r\n", errNotPong},
		{"RESP2", encodeCommands("SUBSCRIBE a"), "*3\r\n+subscribe\r\n+a\r\n:1\r\n*3\r\n+message\r\n+a\r\n+text\r\n", nil},
		{"RESP2 without a subscription", encodeCommands("HELLO 2"), "*3\r\n+message\r\n+a\r\n+text\r\n", errConfirmation},
		{"a sentinel's reply", encodeCommands("HELLO 3", "SENTINEL GET-MASTER-ADDR-BY-NAME m"), "+a\r\n*1\r\n+host\r\n", errTooShort},
		{"a role", encodeCommands("HELLO 3", "ROLE"), "+a\r\n*0\r\n", errTooShort},
		{"a sentinel's message", encodeCommands("HELLO 3", "SUBSCRIBE +sentinel"), "+a\r\n" + confirm + ">3\r\n+message\r\n+" + "+sentinel\r\n$3\r\na b\r\n", errShortSentinelMessage},
		{"a reply to nothing", encodeCommands("HELLO 3"), "+a\r\n+b\r\n", errNoCommand},
		{"a negative length", encodeCommands("X"), "$-2\r\n", errLengthOutOfRange},
		{"a huge length", encodeCommands("X"), "$999999999999\r\n", errLengthOutOfRange},
		{"a huge list", encodeCommands("X"), "*9999999\r\n", errLengthOutOfRange},
		{"many lists", encodeCommands("X"), strings.Repeat("*1\r\n", 100), errTooDeep},
		{"a number", encodeCommands("X"), "$+1\r\n", errMalformedNumber},
		{"an unknown type", encodeCommands("X"), "HTTP/1.1\r\n", errUnknownType},
		{"a chunked string", encodeCommands("X"), "$?\r\n", errMalformedNumber},
		{"a long line", encodeCommands("X"), "+" + strings.Repeat("x", maxLine+1), errUnterminatedLine},
		{"a string that is too long", encodeCommands("X"), "$1\r\nabc\r\n", errUnterminatedString},
		{"a redirection", encodeCommands("X"), "-MOVED 1\r\n", errIncompleteRedirection},
		{"a push in a list", encodeCommands("X"), "*1\r\n>1\r\n+a\r\n", errNestedPush},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 7, 1 << 17} {
				passed, err := exchangeGuarded(tt.commands, tt.reply, size)
				if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), "host:1") {
					t.Errorf("by %d bytes: %v", size, err)
				}
				if !strings.HasPrefix(tt.reply, passed) || (passed == tt.reply) != (tt.want == nil) {
					t.Errorf("by %d bytes, %d of %d passed", size, len(passed), len(tt.reply))
				}
			}
		})
	}
}

func TestGuardedConnKeepsItsError(t *testing.T) {
	c := newGuardedConn(scriptedConn{in: strings.NewReader("+a\r\n+b\r\n")}, "host:1")
	for range 3 {
		if rest, err := io.ReadAll(c); len(rest) > 1 || !errors.Is(err, errNoCommand) {
			t.Errorf("read %q, %v", rest, err)
		}
	}
}

// FuzzGuardedConn checks that the size of chunks does not change the result.
func FuzzGuardedConn(f *testing.F) {
	f.Add("+OK\r\n%1\r\n+a\r\n*2\r\n:1\r\n$1\r\nx\r\n", 3)
	f.Add(">3\r\n+subscribe\r\n+a\r\n:1\r\n+PONG\r\n", 5)
	commands := encodeCommands("HELLO 3", "SUBSCRIBE a b", "UNSUBSCRIBE a", "PING", "X")
	f.Fuzz(func(t *testing.T, reply string, size int) {
		whole, err := exchangeGuarded(commands, reply, 1<<20)
		cut, cutErr := exchangeGuarded(commands, reply, 1+max(0, size)%100)
		if (err == nil) != (cutErr == nil) || err == nil && whole != cut {
			t.Errorf("%v, or %v", err, cutErr)
		}
	})
}
