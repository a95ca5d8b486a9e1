package api

import (
	"bytes"
	"context"
	"encoding/json"
)

// Batch answers a batch of emits.
type Batch struct {
	// Delivered is the sum of the sockets of this process that the events were
	// queued for.
	Delivered int `json:"delivered"`
	// Errors are the first items that were wrong. The others were emitted.
	Errors []ItemError `json:"errors,omitempty"`
	// MoreErrors is the number of items that were wrong and are not in Errors.
	MoreErrors int `json:"more_errors,omitempty"`
}

// ItemError says what is wrong with an item of a batch.
type ItemError struct {
	// Index is the place of the item in the array, from 0.
	Index int    `json:"index"`
	Error string `json:"error"`
}

// emitBatch emits the items of an array that can be emitted. Items are read one by
// one, as an array of small ones takes many times its own size in memory. When the
// array itself is broken nothing is emitted.
func (a *API) emitBatch(ctx context.Context, body []byte, defaults scope) (any, error) {
	if !json.Valid(body) {
		var none json.RawMessage
		return nil, decode(body, &none) // says what is wrong
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if _, err := dec.Token(); err != nil { // the bracket
		return nil, describe(err)
	}
	var sum Batch
	var texts decoder
	var failed told[ItemError]
	var item json.RawMessage
	for i := 0; dec.More(); i++ {
		if err := dec.Decode(&item); err != nil {
			return nil, describe(err)
		}
		n, err := a.emitText(ctx, &texts, item, defaults)
		if err != nil {
			failed.add(ItemError{Index: i, Error: err.Error()})
		}
		sum.Delivered += n
	}
	sum.Errors, sum.MoreErrors = failed.errors, failed.more
	return sum, nil
}
