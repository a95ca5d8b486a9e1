// Package frames reads the messages that a client sends over a WebSocket.
//
// It is the one package that knows gorilla/websocket, and it uses its reading side
// only. Gorilla parses and unmasks frames. [Reader] inflates messages, few at a time, and
// adds the checks that gorilla leaves to its caller or does not make: UTF-8 in text, the
// size of a message after decompression, a limit to fragments, close frames of one byte.
//
// It does not know Engine.IO packets, and it writes nothing: a pong goes to the [Wire],
// a close frame is part of an [Error].
//
// A Reader belongs to one goroutine at a time. It starts none and holds no lock.
package frames
