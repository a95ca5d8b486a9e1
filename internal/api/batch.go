package api

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// maxTracedEmits is how many emits of a batch belong to the trace of its HTTP request. It
// bounds the spans that one request makes.
const maxTracedEmits = 100

// maxErrors is how many errors a [BatchReply] lists.
const maxErrors = 100

// BatchReply is the reply to a batch and to a stream of emits. The order of the items is
// that of the array, or of the lines of the stream.
type BatchReply struct {
	// Emits is the number of items that were emitted.
	Emits int `json:"emits"`
	// Delivered is the number of sockets of this node that the events were queued
	// for, summed over the items.
	Delivered int `json:"delivered"`
	// Errors are the first errors, at most 100, in the order of the items. Items
	// without an error were emitted.
	Errors []BatchError `json:"errors"`
	// MoreErrors is the number of errors after the first 100.
	MoreErrors int `json:"more_errors,omitempty"`
}

// BatchError is the error of one item, which was not emitted.
type BatchError struct {
	// Index is the index of the item in the array, or of the line in the stream, from
	// 0. Empty lines count.
	Index int    `json:"index"`
	Error string `json:"error"`
}

// addItem counts an item: n sockets got its event, or err is the reason why it was not
// emitted.
func (b *BatchReply) addItem(index, n int, err error) {
	switch {
	case err == nil:
		b.Emits++
		b.Delivered += n
	case len(b.Errors) < maxErrors:
		b.Errors = append(b.Errors, BatchError{Index: index, Error: err.Error()})
	default:
		b.MoreErrors++
	}
}

// emitBatch emits the items of an array, and skips invalid ones. It decodes the items one
// by one: an array of small ones takes many times its own size in memory. It emits nothing
// of an array that is not valid JSON. The first maxTracedEmits items belong to the trace,
// unless that is nil.
func (a *API) emitBatch(ctx context.Context, body []byte, defaults scope, trace *cluster.TraceContext) (any, error) {
	if !json.Valid(body) {
		var none json.RawMessage
		return nil, decodeObject(body, &none) // the error names the place
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if _, err := dec.Token(); err != nil { // the bracket
		return nil, describeDecodeError(err)
	}
	reply := BatchReply{Errors: []BatchError{}}
	var texts objectDecoder
	var item json.RawMessage
	for i := 0; dec.More(); i++ {
		if err := dec.Decode(&item); err != nil {
			return nil, describeDecodeError(err)
		}
		if i == maxTracedEmits {
			trace = nil
		}
		n, err := a.emitItem(ctx, &texts, item, defaults, trace)
		reply.addItem(i, n, err)
	}
	return reply, nil
}
