package servers

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Emitter is a program of Node.js that emits to a room through Redis, from outside the
// cluster.
type Emitter struct {
	cmd   *exec.Cmd
	input io.WriteCloser
}

// StartEmitter starts an emitter and waits until it has reached Redis.
func (s *Settings) StartEmitter(redis *Server, room string) (*Emitter, error) {
	cmd := exec.Command(s.Node, filepath.Join(s.NodeDir, "emitter.js"), "--redis", redis.Address.String(), "--room", room)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	input, errIn := cmd.StdinPipe()
	output, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start emitter: %w", err)
	}
	e := &Emitter{cmd: cmd, input: input}
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "ready\n" {
		e.Stop()
		return nil, fmt.Errorf("start emitter: got %q, want ready: %w", line, err)
	}
	return e, nil
}

// EmitPayloads emits the event "msg" with each of the payloads. It returns before they are
// delivered.
func (e *Emitter) EmitPayloads(payloads [][]byte) error {
	_, err := e.input.Write(append(bytes.Join(payloads, []byte{'\n'}), '\n'))
	return err
}

// Stop ends the program.
func (e *Emitter) Stop() {
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
}
