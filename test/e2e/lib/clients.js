// The official clients, and what tests do with them.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { createRequire } from 'node:module';
import { heard, within } from './time.js';

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
// that these clients have in Node repeats the request, but never ends it.
const agent = new http.Agent({ keepAlive: false });

// kinds is the matrix: each client on each transport.
export const kinds = Object.keys(versions).flatMap((version) => Object.keys(transports).map((transport) => ({
	name: `client ${version}, ${transport}`,
	version: Number(version),
	transport,
})));

export const kind = (version, transport) => kinds.find((k) => k.version === version && k.transport === transport);

// open starts to connect a socket of that kind, on a connection of its own
// that ends with the test. It does not come back by itself unless the options
// say so.
export function open(t, { version, transport }, url, options = {}) {
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

// connect is a connected socket of that kind; one that upgrades has upgraded.
export async function connect(t, kind, url, options) {
	const socket = open(t, kind, url, options);
	await connected(socket);
	if (kind.transport === 'upgrade') await upgraded(socket);
	return socket;
}

// beside is the socket of another namespace on the same connection, which is
// about to connect.
export function beside(t, socket, namespace) {
	const other = socket.io.socket(namespace);
	t.after(() => other.close());
	return other;
}

// connected waits for the socket, and fails with what it gets instead.
export function connected(socket) {
	const done = new Promise((resolve, reject) => {
		if (socket.connected) resolve();
		socket.once('connect', resolve);
		const failed = (error) => reject(new Error(`connect error: ${refusal(error)}`));
		socket.once('connect_error', failed);
		socket.once('error', failed);
	});
	return within(done, 'connect');
}

export async function upgraded(socket) {
	const { engine } = socket.io;
	if (engine.transport.name !== 'websocket') await heard(engine, 'upgrade');
	assert.equal(engine.transport.name, 'websocket');
}

// refused is the message of the connect error that the socket must get.
export async function refused(socket) {
	const error = await within(new Promise((resolve, reject) => {
		socket.once('connect', () => reject(new Error('connected')));
		socket.once('connect_error', resolve);
		socket.once('error', resolve); // 2.x
	}), 'connect error');
	return refusal(error);
}

const refusal = (error) => (typeof error === 'string' ? error : error.message);

// call emits and is the list of what the server acknowledges.
export function call(socket, event, ...args) {
	const answer = new Promise((resolve) => socket.emit(event, ...args, (...answers) => resolve(answers)));
	return within(answer, `acknowledgement of ${event}`);
}

// Inbox keeps what a socket gets of one event, as lists of arguments.
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
		await within(enough(), `message number ${count}`);
		return this.all;
	}
}

// inboxes is an inbox of each socket.
export const inboxes = (sockets, event = 'msg') => sockets.map((socket) => new Inbox(socket, event));

// fence returns when each of the sockets has got everything that came from
// the emitter up to now: one emitter's messages keep their order.
export async function fence(emitter, ...sockets) {
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
	await within(arrived, 'fence');
}

let rooms = 0;

// roomName is one that no other test uses.
export const roomName = (label = 'room') => `${label} ${++rooms}`;
