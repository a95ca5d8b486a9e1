// From polling to WebSocket while messages fly: none is lost, none overtakes.

import assert from 'node:assert/strict';
import { call, connect, connected, Inbox, kind, kinds, open, roomName } from './lib/clients.js';
import { matrix, namespace, serving, socketio, test } from './lib/rules.js';
import { heard, within } from './lib/time.js';

const upgrading = kinds.filter(({ transport }) => transport === 'upgrade');
const count = 2000;
const numbers = Array.from({ length: count }, (_, i) => i);
const number = (m) => (typeof m === 'number' ? m : m.n);
const message = (i) => (i % 10 ? i : { n: i, file: Buffer.from([i % 256]) });

// blast emits all the numbers, a few in each turn of the event loop, so that
// the upgrade finds its way between them.
async function blast(emit) {
	for (let i = 0; i < count; i++) {
		emit(message(i));
		if (i % 5 === 0) await new Promise(setImmediate);
	}
}

serving('upgrade', socketio(namespace('/')), (caddy) => {
	matrix('what a client emits while it upgrades arrives in order', async (t, k) => {
		const a = open(t, k, caddy().url);
		await connected(a);
		const b = await connect(t, kind(4, 'websocket'), caddy().url);
		const room = roomName();
		await call(b, 'join', room);
		const got = new Inbox(b, 'msg');
		const upgrade = heard(a.io.engine, 'upgrade');
		await blast((m) => a.emit('to', room, m));
		await upgrade;
		await got.has(count);
		assert.deepEqual(got.all.map(([m]) => number(m)), numbers);
	}, upgrading);

	matrix('what a client gets while it upgrades arrives in order', async (t, k) => {
		const a = await connect(t, kind(4, 'websocket'), caddy().url);
		const b = open(t, k, caddy().url);
		const got = new Inbox(b, 'msg');
		await connected(b);
		const upgrade = heard(b.io.engine, 'upgrade');
		await blast((m) => a.emit('to', b.id, m));
		await upgrade;
		await got.has(count);
		assert.deepEqual(got.all.map(([m]) => number(m)), numbers);
	}, upgrading);

	test('thirty clients upgrade at once in a busy room', async (t) => {
		const room = roomName();
		const sockets = Array.from({ length: 30 }, (_, i) => open(t, upgrading[i % upgrading.length], caddy().url));
		const upgrades = sockets.map((socket) => new Promise((resolve) => {
			socket.once('connect', () => {
				if (socket.io.engine.transport.name === 'websocket') resolve();
				else socket.io.engine.once('upgrade', resolve);
			});
		}));
		await Promise.all(sockets.map(connected));
		await Promise.all(sockets.map((socket) => call(socket, 'join', room)));
		const inboxes = sockets.map((socket) => new Inbox(socket, 'msg'));
		for (let i = 0; i < 20; i++) {
			for (const [from, socket] of sockets.entries()) socket.emit('to', room, { from, n: i });
		}
		await within(Promise.all(upgrades), 'every upgrade', 20_000);
		for (const [i, inbox] of inboxes.entries()) {
			await inbox.has(29 * 20);
			for (const from of sockets.keys()) {
				const heardOf = inbox.all.filter(([m]) => m.from === from).map(([m]) => m.n);
				assert.deepEqual(heardOf, from === i ? [] : numbers.slice(0, 20));
			}
		}
	});

	matrix('a client that only polls is not asked to upgrade', async (t, k) => {
		const a = await connect(t, k, caddy().url);
		for (let i = 0; i < 20; i++) assert.deepEqual(await call(a, 'echo', i, 0), [i, 0]);
		assert.equal((await call(a, 'who'))[1], 'polling');
	}, kinds.filter(({ transport }) => transport === 'polling'));
});

serving('one transport', socketio(namespace('/'), 'transports polling'), (caddy) => {
	matrix('without WebSocket clients stay on polling', async (t, k) => {
		const a = open(t, k, caddy().url);
		await connected(a);
		for (let i = 0; i < 20; i++) assert.deepEqual(await call(a, 'echo', i, 0), [i, 0]);
		assert.equal((await call(a, 'who'))[1], 'polling');
	}, kinds.filter(({ transport }) => transport !== 'websocket'));
});
