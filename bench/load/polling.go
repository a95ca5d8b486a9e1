package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// startPoll sends a GET, or a POST with the messages that wait. A polling client has one
// connection, so it sends only between two polls. That suffices: all its messages are replies
// to messages that it has just polled.
func (c *Client) startPoll() {
	o := c.options
	path := o.Protocol.Path("polling")
	if c.sid != "" {
		path += "&sid=" + c.sid
	}
	if len(c.queued) == 0 {
		c.posting = false
		c.write(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, o.Address))
		return
	}
	body := bytes.Join(c.queued, []byte{recordSeparator})
	c.queued, c.posting = nil, true
	c.write(fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n\r\n%s",
		path, o.Address, len(body), body))
}

// recordSeparator is between the packets of a body.
const recordSeparator = 0x1e

// postMessage queues a message for the next POST.
func (c *Client) postMessage(message []byte) { c.queued = append(c.queued, message) }

var (
	headEnd       = []byte("\r\n\r\n")
	lengthHeader  = []byte("\r\ncontent-length: ")
	chunkedHeader = []byte("\r\ntransfer-encoding: chunked")
	sidKey        = []byte(`"sid":"`)
)

// receiveResponse handles the first HTTP response in data, and returns its length, or 0 if
// data ends within it.
func (c *Client) receiveResponse(data []byte) (int, error) {
	end := bytes.Index(data, headEnd)
	if end < 0 {
		return 0, nil
	}
	head, body := bytes.ToLower(data[:end]), data[end+len(headEnd):]
	if !bytes.HasPrefix(head, []byte("http/1.1 200 ")) {
		return 0, fmt.Errorf("poll: %.200q", data)
	}
	var used int
	if _, length, ok := bytes.Cut(head, lengthHeader); ok {
		used, _ = cutInt(length)
		if len(body) < used {
			return 0, nil
		}
		body = body[:used]
	} else if bytes.Contains(head, chunkedHeader) {
		if body, used = joinChunks(body); used == 0 {
			return 0, nil
		}
	} else {
		return 0, fmt.Errorf("poll: no length in %.200q", head)
	}
	if err := c.receivePackets(body); err != nil {
		return 0, err
	}
	if c.state != stateClosed {
		c.startPoll()
	}
	return end + len(headEnd) + used, nil
}

// joinChunks returns the body in a sequence of chunks, and their length with the last one,
// or 0 if data ends before it.
func joinChunks(data []byte) (body []byte, length int) {
	for rest := data; ; {
		line, after, ok := bytes.Cut(rest, []byte("\r\n"))
		if !ok {
			return nil, 0
		}
		n, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil || len(after) < int(n)+2 {
			return nil, 0
		}
		body = append(body, after[:n]...)
		rest = after[n+2:]
		if n == 0 {
			return body, len(data) - len(rest)
		}
	}
}

// receivePackets handles the body of a poll. The reply to a POST has no packets.
func (c *Client) receivePackets(body []byte) error {
	if c.posting {
		return nil
	}
	for packet := range bytes.SplitSeq(body, []byte{recordSeparator}) {
		if c.sid == "" {
			_, sid, _ := bytes.Cut(packet, sidKey)
			sid, _, ok := bytes.Cut(sid, []byte{'"'})
			if !ok {
				return fmt.Errorf("poll: no sid in %.100q", packet)
			}
			c.sid = string(sid)
		}
		if err := c.options.Protocol.Parse(packet, c.yield); err != nil {
			return err
		}
	}
	return nil
}
