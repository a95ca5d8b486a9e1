// The official clients on each transport.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { createRequire } from 'node:module';
import { awaitEvent, withDeadline } from './time.js';

const require = createRequire(import.meta.url);

const versions = {
	2: require('socket.io-client-2'),
	3: require('socket.io-client-3'),
	4: require('socket.io-client-4'),
};

const transports = {
	polling: ['polling'],
	websocket: ['websocket'],
	upgrade: ['polling', 'websocket'],
};

// Connections are not reused: when one that was is reset, the XMLHttpRequest
// that these clients have on Node.js repeats the request, but never ends it.
const agent = new http.Agent({ keepAlive: false });

// kinds is the matrix: each client on each transport.
export const kinds = Object.keys(versions).flatMap((version) => Object.keys(transports).map((transport) => ({
	name: `client ${version}, ${transport}`,
	version: Number(version),
	transport,
})));

export const kind = (version, transport) => kinds.find((k) => k.version === version && k.transport === transport);

// openSocket starts to connect a socket of that kind, on a connection of its own
// that closes with the test. It does not reconnect unless the options
// say so.
export function openSocket(t, { version, transport }, url, options = {}) {
	const socket = versions[version](url, {
		agent,
		forceNew: true,
		reconnection: false,
		transports: transports[transport],
		...options,
	});
	t.after(() => socket.io.engine?.close());
	t.after(() => socket.close());
	return socket;
}

// connectSocket resolves to a connected socket of that kind, upgraded if it upgrades.
export async function connectSocket(t, kind, url, options) {
	const socket = openSocket(t, kind, url, options);
	await awaitConnect(socket);
	if (kind.transport === 'upgrade') await awaitUpgrade(socket);
	return socket;
}

// openNamespace returns the socket of another namespace on the same connection, which is
// about to connect.
export function openNamespace(t, socket, namespace) {
	const other = socket.io.socket(namespace);
	t.after(() => other.close());
	return other;
}

// awaitConnect waits until the socket is connected, and fails with its connect error.
export function awaitConnect(socket) {
	const done = new Promise((resolve, reject) => {
		if (socket.connected) resolve();
		socket.once('connect', resolve);
		const failed = (error) => reject(new Error(`connect error: ${connectErrorText(error)}`));
		socket.once('connect_error', failed);
		socket.once('error', failed);
	});
	return withDeadline(done, 'connect');
}

export async function awaitUpgrade(socket) {
	const { engine } = socket.io;
	if (engine.transport.name !== 'websocket') await awaitEvent(engine, 'upgrade');
	assert.equal(engine.transport.name, 'websocket');
}

// awaitConnectError resolves to the message of the connect error that the socket must get.
export async function awaitConnectError(socket) {
	const error = await withDeadline(new Promise((resolve, reject) => {
		socket.once('connect', () => reject(new Error('connected')));
		socket.once('connect_error', resolve);
		socket.once('error', resolve); // 2.x
	}), 'connect error');
	return connectErrorText(error);
}

const connectErrorText = (error) => (typeof error === 'string' ? error : error.message);

// emitWithAck emits an event and resolves to the arguments of its acknowledgement.
export function emitWithAck(socket, event, ...args) {
	const answer = new Promise((resolve) => socket.emit(event, ...args, (...answers) => resolve(answers)));
	return withDeadline(answer, `acknowledgement of ${event}`);
}

// Inbox keeps the arguments of each event of one name that a socket gets.
export class Inbox {
	all = [];
	#waiting = [];

	constructor(socket, event) {
		socket.on(event, (...args) => {
			this.all.push(args);
			this.#waiting.splice(0).forEach((check) => check());
		});
	}

	// has waits until there are that many.
	async has(count) {
		const enough = async () => {
			while (this.all.length < count) await new Promise((resolve) => this.#waiting.push(resolve));
		};
		await withDeadline(enough(), `message number ${count}`);
		return this.all;
	}
}

// inboxes is an inbox of each socket.
export const inboxes = (sockets, event = 'msg') => sockets.map((socket) => new Inbox(socket, event));

// awaitDelivery returns when each of the sockets has got all messages that came from
// the emitter up to now: one emitter's messages keep their order.
export async function awaitDelivery(emitter, ...sockets) {
	const token = randomUUID();
	const arrived = Promise.all(sockets.map((socket) => new Promise((resolve) => {
		const listener = (got) => {
			if (got !== token) return;
			socket.off('fence', listener);
			resolve();
		};
		socket.on('fence', listener);
	})));
	emitter.emit('fence', token);
	await withDeadline(arrived, 'fence');
}

let rooms = 0;

// uniqueRoom returns the name of a room that no other test uses.
export const uniqueRoom = (label = 'room') => `${label} ${++rooms}`;
