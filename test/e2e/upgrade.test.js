// From polling to WebSocket while messages fly: none is lost, none overtakes.

import assert from 'node:assert/strict';
import { awaitConnect, awaitDelivery, connectSocket, emitWithAck, Inbox, kind, kinds, openSocket, uniqueRoom } from './lib/clients.js';
import { describeWithCaddy, namespace, socketio, test, testEachClient } from './lib/rules.js';
import { awaitEvent, withDeadline } from './lib/time.js';

const upgrading = kinds.filter(({ transport }) => transport === 'upgrade');
const number = (m) => (typeof m === 'number' ? m : m.n);
const message = (i) => (i % 10 ? i : { n: i, file: Buffer.from([i % 256]) });

// blast emits numbers, a few in each turn of the event loop, until the client
// has upgraded and a while longer. It returns how many they were.
async function blast(upgrade, emit) {
	let last = Infinity;
	let i = 0;
	upgrade.finally(() => (last = i + 200)).catch(() => {});
	while (i < last) {
		emit(message(i++));
		if (i % 5 === 0) await new Promise(setImmediate);
	}
	await upgrade;
	return i;
}

describeWithCaddy('upgrade', socketio(namespace('/')), (caddy) => {
	testEachClient('what a client emits while it upgrades arrives in order', async (t, k) => {
		const b = await connectSocket(t, kind(4, 'websocket'), caddy().url);
		const room = uniqueRoom();
		await emitWithAck(b, 'join', room);
		const got = new Inbox(b, 'msg');
		const a = openSocket(t, k, caddy().url);
		const count = await blast(awaitEvent(a.io.engine, 'upgrade'), (m) => a.emit('to', room, m));
		await got.has(count);
		assert.deepEqual(got.all.map(([m]) => number(m)), Array.from({ length: count }, (_, i) => i));
	}, upgrading);

	testEachClient('what a client gets while it upgrades arrives in order', async (t, k) => {
		const a = await connectSocket(t, kind(4, 'websocket'), caddy().url);
		const b = openSocket(t, k, caddy().url);
		const got = new Inbox(b, 'msg');
		const count = await blast(awaitEvent(b.io.engine, 'upgrade'), (m) => a.emit('broadcast', m));
		await awaitDelivery(a, b);
		const numbers = got.all.map(([m]) => number(m));
		assert.deepEqual(numbers, Array.from({ length: count - numbers[0] }, (_, i) => numbers[0] + i));
	}, upgrading);

	test('thirty clients upgrade at once in a busy room', async (t) => {
		const room = uniqueRoom();
		const sockets = Array.from({ length: 30 }, (_, i) => openSocket(t, upgrading[i % upgrading.length], caddy().url));
		const upgrades = sockets.map((socket) => new Promise((resolve) => {
			socket.once('connect', () => {
				if (socket.io.engine.transport.name === 'websocket') resolve();
				else socket.io.engine.once('upgrade', resolve);
			});
		}));
		await Promise.all(sockets.map(awaitConnect));
		await Promise.all(sockets.map((socket) => emitWithAck(socket, 'join', room)));
		const inboxes = sockets.map((socket) => new Inbox(socket, 'msg'));
		for (let i = 0; i < 20; i++) {
			for (const [from, socket] of sockets.entries()) socket.emit('to', room, { from, n: i });
		}
		await withDeadline(Promise.all(upgrades), 'every upgrade', 20_000);
		for (const [i, inbox] of inboxes.entries()) {
			await inbox.has(29 * 20);
			for (const from of sockets.keys()) {
				const heardOf = inbox.all.filter(([m]) => m.from === from).map(([m]) => m.n);
				assert.deepEqual(heardOf, from === i ? [] : Array.from({ length: 20 }, (_, n) => n));
			}
		}
	});

	testEachClient('a client that only polls is not asked to upgrade', async (t, k) => {
		const a = await connectSocket(t, k, caddy().url);
		for (let i = 0; i < 20; i++) assert.deepEqual(await emitWithAck(a, 'echo', i, 0), [i, 0]);
		assert.equal((await emitWithAck(a, 'who'))[1], 'polling');
	}, kinds.filter(({ transport }) => transport === 'polling'));
});

describeWithCaddy('one transport', socketio(namespace('/'), 'transports polling'), (caddy) => {
	testEachClient('without WebSocket clients stay on polling', async (t, k) => {
		const a = openSocket(t, k, caddy().url);
		await awaitConnect(a);
		for (let i = 0; i < 20; i++) assert.deepEqual(await emitWithAck(a, 'echo', i, 0), [i, 0]);
		assert.equal((await emitWithAck(a, 'who'))[1], 'polling');
	}, kinds.filter(({ transport }) => transport !== 'websocket'));
});
