package load

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The opcodes of frames that a server may send.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// AppendFrame appends a text message as one frame of a client. Its mask is zero, so the
// payload stays as it is.
func AppendFrame(dst, text []byte) []byte {
	switch n := len(text); {
	case n < 126:
		dst = append(dst, 0x80|opText, 0x80|byte(n))
	case n < 1<<16:
		dst = append(dst, 0x80|opText, 0x80|126, byte(n>>8), byte(n))
	default:
		dst = append(dst, 0x80|opText, 0x80|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	dst = append(dst, 0, 0, 0, 0)
	return append(dst, text...)
}

// errMasked is the error for a frame of a server that has a mask.
var errMasked = errors.New("read frame: a server must not mask")

// cutFrame returns the first frame of a server in data and its length in bytes. The length
// is 0 if data ends within the frame. Fragments are an error: no server of the benchmark
// sends them.
func cutFrame(data []byte) (opcode byte, payload []byte, length int, err error) {
	if len(data) < 2 {
		return 0, nil, 0, nil
	}
	if data[1]&0x80 != 0 {
		return 0, nil, 0, errMasked
	}
	if data[0]&0xf0 != 0x80 {
		return 0, nil, 0, fmt.Errorf("read frame: first byte %#x is of a fragment or compressed", data[0])
	}
	header, n := 2, int(data[1])
	switch n {
	case 126:
		header = 4
		if len(data) < header {
			return 0, nil, 0, nil
		}
		n = int(binary.BigEndian.Uint16(data[2:]))
	case 127:
		header = 10
		if len(data) < header {
			return 0, nil, 0, nil
		}
		n = int(binary.BigEndian.Uint64(data[2:]))
	}
	if len(data) < header+n {
		return 0, nil, 0, nil
	}
	return data[0] & 0x0f, data[header : header+n], header + n, nil
}
