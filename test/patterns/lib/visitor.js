// Clients that must expect each event that they receive, in order.

import assert from 'node:assert/strict';
import { io } from 'socket.io-client';
import { withDeadline } from '../../e2e/lib/time.js';

export const equal = (got, wanted) => assert.deepEqual(got, wanted);

// Mailbox holds the events that somebody has received and not expected yet. An event is a
// list of its name and arguments.
export class Mailbox {
	#name;
	#events = [];
	#arrived = () => {};

	constructor(name) {
		this.#name = name;
	}

	get name() {
		return this.#name;
	}

	record(...event) {
		this.#events.push(event);
		this.#arrived();
	}

	// next resolves to the next event.
	next() {
		const arrived = async () => {
			while (this.#events.length === 0) await new Promise((resolve) => (this.#arrived = resolve));
			return this.#events.shift();
		};
		return withDeadline(arrived(), `the next event of ${this.#name}`);
	}

	// expect fails unless the next event has this name and these arguments.
	async expect(...event) {
		assert.deepEqual(await this.next(), event, this.#name);
	}

	// drain returns the events that have arrived, and empties the mailbox.
	drain() {
		return this.#events.splice(0);
	}

	checkEmpty() {
		assert.deepEqual(this.#events, [], `unexpected events of ${this.#name}`);
	}
}

// Visitor is a mailbox with an official client.
export class Visitor extends Mailbox {
	#socket;

	// connect connects a client. With refused, it does not wait for the connection.
	static async connect(t, url, name, { refused = false, ...options } = {}) {
		const visitor = new Visitor(name);
		const socket = io(url, { forceNew: true, reconnection: false, transports: ['websocket'], ...options });
		visitor.#socket = socket;
		t.after(() => socket.disconnect());
		socket.onAny((...event) => visitor.record(...event));
		socket.on('connect_error', ({ message }) => visitor.record('connect_error', message));
		if (!refused) await withDeadline(new Promise((resolve) => socket.once('connect', resolve)), `connect of ${name}`);
		visitor.id = socket.id;
		return visitor;
	}

	emit(event, ...args) {
		this.#socket.emit(event, ...args);
	}

	// ask emits an event and resolves to the arguments of its acknowledgement.
	ask(event, ...args) {
		const ack = new Promise((resolve) => this.#socket.emit(event, ...args, (...reply) => resolve(reply)));
		return withDeadline(ack, `acknowledgement of ${event} to ${this.name}`);
	}

	// leave closes the connection. It does not wait until the server notices.
	leave() {
		this.#socket.disconnect();
	}

	// settle waits for the events on their way to the client: the reply to a connect to an
	// unknown namespace comes behind them.
	async settle() {
		if (!this.#socket.connected) return;
		const other = this.#socket.io.socket('/unknown');
		const refused = new Promise((resolve) => other.once('connect_error', resolve));
		assert.equal((await withDeadline(refused, `reply to ${this.name}`)).message, 'Invalid namespace');
	}
}
