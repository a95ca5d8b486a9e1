package hub

// Immediate is a [Handler] that never waits: not for a network, a client, a file or
// another event. It queues emits and changes rooms and data, at once. The handlers join,
// leave, emit, ack, set, disconnect and require are.
type Immediate interface {
	Handler
	// Immediate does nothing. It marks the handler.
	Immediate()
}
