package socketio

import "github.com/caddy-socketio/caddy-socketio/hub"

// minMaxMemory is the smallest max_memory, in bytes. Caddy itself needs about as much.
const minMaxMemory = 32 << 20

// processMemory counts the memory of the clients of all hubs. It outlives configs.
var processMemory = hub.NewMemory(0)
