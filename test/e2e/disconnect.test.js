// Every way a connection ends, as the client and the others see it.

import assert from 'node:assert/strict';
import { awaitConnect, awaitDelivery, awaitUpgrade, connectSocket, emitWithAck, kind, kinds, openNamespace, uniqueRoom } from './lib/clients.js';
import { Proxy } from './lib/proxy.js';
import { describeWithCaddy, namespace, socketio, test, testEachClient } from './lib/rules.js';
import { awaitEvent, withDeadline } from './lib/time.js';

describeWithCaddy('disconnecting', socketio(namespace('/') + namespace('/chat')), (caddy) => {
	// A witness shares a room with the socket, and hears of its end.
	async function witness(t, ...sockets) {
		const room = uniqueRoom();
		const w = await connectSocket(t, kind(4, 'websocket'), caddy().url);
		for (const socket of [w, ...sockets]) await emitWithAck(socket, 'join', room);
		return w;
	}

	testEachClient('the server disconnects a socket', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const w = await witness(t, a);
		const { id } = a;
		const reason = awaitEvent(a, 'disconnect');
		const told = awaitEvent(w, 'leaving', (who) => who === id);
		a.emit('kick');
		assert.equal((await reason)[0], 'io server disconnect');
		assert.equal((await told)[2], 'server namespace disconnect');
		assert.equal(a.connected, false);
	});

	testEachClient('the server closes the connection of a socket', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const chat = openNamespace(t, a, '/chat');
		await awaitConnect(chat);
		const w = await witness(t, a);
		const { id } = a;
		const reasons = Promise.all([awaitEvent(a, 'disconnect'), awaitEvent(chat, 'disconnect')]);
		const told = awaitEvent(w, 'leaving', (who) => who === id);
		a.emit('kick out');
		for (const [reason] of await reasons) assert.equal(reason, 'io server disconnect');
		assert.equal((await told)[2], 'server namespace disconnect');
	});

	testEachClient('the client disconnects', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const w = await witness(t, a);
		const { id } = a;
		const reason = awaitEvent(a, 'disconnect');
		const told = awaitEvent(w, 'leaving', (who) => who === id);
		a.disconnect();
		assert.equal((await reason)[0], 'io client disconnect');
		assert.equal((await told)[2], 'client namespace disconnect');
	});

	testEachClient('the client leaves one namespace and keeps the other', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const chat = openNamespace(t, a, '/chat');
		await awaitConnect(chat);
		const w = await connectSocket(t, kind, `${caddy().url}/chat`);
		const { id } = chat;
		const told = awaitEvent(w, 'gone', (who) => who === id);
		chat.disconnect();
		assert.equal((await told)[2], 'client namespace disconnect');
		assert.deepEqual(await emitWithAck(a, 'echo', 1, 2), [1, 2]);
	});

	testEachClient('the connection closes', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const w = await witness(t, a);
		const { id } = a;
		const told = awaitEvent(w, 'leaving', (who) => who === id);
		a.io.engine.close();
		assert.equal((await told)[2], 'transport close');
	});

	testEachClient('the network goes, and the client comes back by itself', async (t, kind) => {
		const proxy = await Proxy.start(t, caddy().http);
		const a = await connectSocket(t, kind, proxy.url, { reconnection: true, reconnectionDelay: 10 });
		const w = await witness(t, a);
		const { id } = a;
		const reason = awaitEvent(a, 'disconnect');
		const told = awaitEvent(w, 'leaving', (who) => who === id);
		proxy.cut();
		assert.match((await reason)[0], /^transport (close|error)$/);
		// A client may be between two polls: then the server waits for a while.
		if (kind.transport !== 'polling') assert.match((await told)[2], /^transport (close|error)$/);
		const back = new Promise((resolve) => a.once('connect', resolve));
		proxy.mend();
		await withDeadline(back, 'reconnect');
		if (kind.transport === 'upgrade') await awaitUpgrade(a);
		assert.notEqual(a.id, id);
		assert.deepEqual(await emitWithAck(a, 'rooms'), [[a.id]]);
	});

	// A client can write packets that no official client writes.
	const broken = [
		{ name: 'no packet', packet: '9', reason: 'forced close' },
		{ name: 'an event that is none', packet: '2{}', reason: 'forced close' },
		{ name: 'an event of a namespace that it never was in', packet: '2/chat,["x"]', reason: 'forced server close', versions: [3, 4] },
		{ name: 'a second connect', packet: '0', reason: 'forced server close', versions: [3, 4] },
	];
	for (const { name, packet, reason, versions = [2, 3, 4] } of broken) {
		testEachClient(`a client that sends ${name} is closed`, async (t, kind) => {
			const a = await connectSocket(t, kind, caddy().url);
			const w = await witness(t, a);
			const { id } = a;
			const closed = awaitEvent(a, 'disconnect');
			const told = awaitEvent(w, 'leaving', (who) => who === id);
			a.io.engine.write(packet);
			assert.equal((await closed)[0], 'transport close');
			assert.equal((await told)[2], reason);
		}, kinds.filter(({ version }) => versions.includes(version)));
	}

	testEachClient('what a 2.x client sends out of turn is let pass', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		for (const packet of ['2/chat,["x"]', '3/chat,1[]', '1/chat,', '0', '0/nowhere,']) a.io.engine.write(packet);
		assert.deepEqual(await emitWithAck(a, 'echo', 1, 2), [1, 2]);
	}, kinds.filter(({ version }) => version === 2));

	testEachClient('a client that sends too much at once is closed', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const w = await witness(t, a);
		const { id } = a;
		const closed = awaitEvent(a, 'disconnect');
		const told = awaitEvent(w, 'leaving', (who) => who === id);
		a.emit('echo', 'x'.repeat(1_100_000));
		assert.match((await closed)[0], /^transport (close|error)$/);
		// Polling survives it here: it is the client that takes 413 for the end.
		assert.equal((await told)[2], kind.transport === 'polling' ? 'transport close' : 'transport error');
	});

	testEachClient('who disconnects in the middle of emits to it harms nobody', async (t, kind) => {
		const [a, b, c] = await Promise.all([1, 2, 3].map(() => connectSocket(t, kind, caddy().url)));
		const room = uniqueRoom();
		for (const socket of [a, b, c]) await emitWithAck(socket, 'join', room);
		for (let i = 0; i < 50; i++) {
			a.emit('to', room, 'x'.repeat(1000));
			if (i === 25) b.io.engine.close();
		}
		await awaitDelivery(a, a, c);
	});
});

const impatient = socketio(namespace('/'), 'ping_interval 500ms\nping_timeout 1s');

describeWithCaddy('heartbeat', impatient, (caddy) => {
	test('clients that hear nothing any more notice, and so does the server', async (t) => {
		const proxy = await Proxy.start(t, caddy().http);
		const w = await connectSocket(t, kind(4, 'websocket'), caddy().url);
		const sockets = await Promise.all(kinds.map((k) => connectSocket(t, k, proxy.url)));
		const reasons = Promise.all(sockets.map((socket) => awaitEvent(socket, 'disconnect')));
		const told = Promise.all(sockets.map(({ id }) => awaitEvent(w, 'gone', (who) => who === id)));
		proxy.freeze();
		for (const [reason] of await reasons) assert.equal(reason, 'ping timeout');
		for (const [, , reason] of await told) assert.match(reason, /^(ping timeout|transport (close|error))$/);
	});

	test('connections with nothing to say stay', async (t) => {
		await Promise.all(kinds.map(async (k) => {
			const a = await connectSocket(t, k, caddy().url);
			let lost = false;
			a.on('disconnect', () => (lost = true));
			// A heartbeat is a pong to all: 2.x clients get it, the others send it.
			for (let i = 0; i < 5; i++) await awaitEvent(a.io.engine, 'pong');
			assert.equal(lost, false);
			assert.deepEqual(await emitWithAck(a, 'echo', 1, 2), [1, 2]);
		}));
	});
});
