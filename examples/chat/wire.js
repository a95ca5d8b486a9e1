// The packets of the last events, as they travel on the wire: the digit of Engine.IO,
// the digit of Socket.IO, and the data.

const kept = 8; // events
const types = { connect: '0', disconnect: '1', event: '2', ack: '3', error: '4' };

export class Wire {
	// The last event of each name, newest first: whether the client sent it, and its packets.
	events = [];

	#socket;
	#engine;
	#changed;

	constructor(socket, changed) {
		this.#socket = socket;
		this.#changed = changed;
		this.watch();
		// The client creates the next engine right after this event.
		socket.io.on('reconnect_attempt', () => queueMicrotask(() => this.watch()));
	}

	// watch records the packets of the engine in use.
	watch() {
		const engine = this.#socket.io.engine;
		if (!engine || engine === this.#engine) return;
		this.#engine = engine;
		engine.on('packetCreate', (packet) => this.#record(packet, true));
		engine.on('packet', (packet) => this.#record(packet, false));
	}

	#record({ type, data }, sent) {
		if (type !== 'message' || typeof data !== 'string') return; // a heartbeat
		const [, kind, id, rest] = data.match(/^(\d)(?:\/[^,]*,?)?(\d*)(.*)$/s) ?? [];
		const packet = { sent, text: '4' + data, transport: this.#engine.transport.name };
		this.#eventOf(kind, id, rest, sent)?.packets.push(packet);
		this.#changed();
	}

	// eventOf returns the event that a packet belongs to, if it is still kept.
	#eventOf(kind, id, rest, sent) {
		switch (kind) {
			case types.ack:
				return this.events.find((event) => event.id === id && event.sent !== sent);
			case types.event:
				return this.#add(name(rest), sent, id);
			case types.disconnect:
				return this.#add('disconnect', sent, '');
			default:
				return this.#connection(sent);
		}
	}

	// connection returns the event of connecting. It goes on with the server's reply, and
	// clients of version 2 connect to "/" first.
	#connection(sent) {
		const [last] = this.events;
		return last?.name === 'connect' && last.packets.length < 4 ? last : this.#add('connect', sent, '');
	}

	#add(name, sent, id) {
		const event = { name, sent, id, packets: [] };
		const others = this.events.filter((other) => other.name !== name || other.sent !== sent);
		this.events = [event, ...others].slice(0, kept);
		return event;
	}
}

// name returns the name of an event from its arguments.
function name(args) {
	try {
		return String(JSON.parse(args)[0]);
	} catch {
		return 'event';
	}
}
