// Every way a connection ends, as the client and the others see it.

import assert from 'node:assert/strict';
import { beside, call, connect, connected, fence, kind, kinds, roomName, upgraded } from './lib/clients.js';
import { Proxy } from './lib/proxy.js';
import { matrix, namespace, serving, socketio, test } from './lib/rules.js';
import { heard, within } from './lib/time.js';

serving('disconnecting', socketio(namespace('/') + namespace('/chat')), (caddy) => {
	// A witness shares a room with the socket, and hears of its end.
	async function witness(t, ...sockets) {
		const room = roomName();
		const w = await connect(t, kind(4, 'websocket'), caddy().url);
		for (const socket of [w, ...sockets]) await call(socket, 'join', room);
		return w;
	}

	matrix('the server disconnects a socket', async (t, kind) => {
		const a = await connect(t, kind, caddy().url);
		const w = await witness(t, a);
		const { id } = a;
		const reason = heard(a, 'disconnect');
		const told = heard(w, 'leaving', (who) => who === id);
		a.emit('kick');
		assert.equal((await reason)[0], 'io server disconnect');
		assert.equal((await told)[2], 'server namespace disconnect');
		assert.equal(a.connected, false);
	});

	matrix('the server closes the connection of a socket', async (t, kind) => {
		const a = await connect(t, kind, caddy().url);
		const chat = beside(t, a, '/chat');
		await connected(chat);
		const w = await witness(t, a);
		const { id } = a;
		const reasons = Promise.all([heard(a, 'disconnect'), heard(chat, 'disconnect')]);
		const told = heard(w, 'leaving', (who) => who === id);
		a.emit('kick out');
		for (const [reason] of await reasons) assert.equal(reason, 'io server disconnect');
		assert.equal((await told)[2], 'server namespace disconnect');
	});

	matrix('the client disconnects', async (t, kind) => {
		const a = await connect(t, kind, caddy().url);
		const w = await witness(t, a);
		const { id } = a;
		const reason = heard(a, 'disconnect');
		const told = heard(w, 'leaving', (who) => who === id);
		a.disconnect();
		assert.equal((await reason)[0], 'io client disconnect');
		assert.equal((await told)[2], 'client namespace disconnect');
	});

	matrix('the client leaves one namespace and keeps the other', async (t, kind) => {
		const a = await connect(t, kind, caddy().url);
		const chat = beside(t, a, '/chat');
		await connected(chat);
		const w = await connect(t, kind, `${caddy().url}/chat`);
		const { id } = chat;
		const told = heard(w, 'gone', (who) => who === id);
		chat.disconnect();
		assert.equal((await told)[2], 'client namespace disconnect');
		assert.deepEqual(await call(a, 'echo', 1, 2), [1, 2]);
	});

	matrix('the connection closes', async (t, kind) => {
		const a = await connect(t, kind, caddy().url);
		const w = await witness(t, a);
		const { id } = a;
		const told = heard(w, 'leaving', (who) => who === id);
		a.io.engine.close();
		assert.equal((await told)[2], 'transport close');
	});

	matrix('the network goes, and the client comes back by itself', async (t, kind) => {
		const proxy = await Proxy.start(t, caddy().http);
		const a = await connect(t, kind, proxy.url, { reconnection: true, reconnectionDelay: 10 });
		const w = await witness(t, a);
		const { id } = a;
		const reason = heard(a, 'disconnect');
		const told = heard(w, 'leaving', (who) => who === id);
		proxy.cut();
		assert.match((await reason)[0], /^transport (close|error)$/);
		// A client may be between two polls: then the server waits for a while.
		if (kind.transport !== 'polling') assert.match((await told)[2], /^transport (close|error)$/);
		const back = new Promise((resolve) => a.once('connect', resolve));
		proxy.mend();
		await within(back, 'reconnect');
		if (kind.transport === 'upgrade') await upgraded(a);
		assert.notEqual(a.id, id);
		assert.deepEqual(await call(a, 'rooms'), [[a.id]]);
	});

	// A client can write to its connection what no Socket.IO client does.
	const broken = [
		{ name: 'no packet', packet: '9', reason: 'forced close' },
		{ name: 'an event that is none', packet: '2{}', reason: 'forced close' },
		{ name: 'an event of a namespace that it never was in', packet: '2/chat,["x"]', reason: 'forced server close', versions: [3, 4] },
		{ name: 'a second connect', packet: '0', reason: 'forced server close', versions: [3, 4] },
	];
	for (const { name, packet, reason, versions = [2, 3, 4] } of broken) {
		matrix(`a client that sends ${name} is closed`, async (t, kind) => {
			const a = await connect(t, kind, caddy().url);
			const w = await witness(t, a);
			const { id } = a;
			const closed = heard(a, 'disconnect');
			const told = heard(w, 'leaving', (who) => who === id);
			a.io.engine.write(packet);
			assert.equal((await closed)[0], 'transport close');
			assert.equal((await told)[2], reason);
		}, kinds.filter(({ version }) => versions.includes(version)));
	}

	matrix('what a 2.x client sends out of turn is let pass', async (t, kind) => {
		const a = await connect(t, kind, caddy().url);
		for (const packet of ['2/chat,["x"]', '3/chat,1[]', '1/chat,', '0', '0/nowhere,']) a.io.engine.write(packet);
		assert.deepEqual(await call(a, 'echo', 1, 2), [1, 2]);
	}, kinds.filter(({ version }) => version === 2));

	matrix('a client that sends too much at once is closed', async (t, kind) => {
		const a = await connect(t, kind, caddy().url);
		const w = await witness(t, a);
		const { id } = a;
		const closed = heard(a, 'disconnect');
		const told = heard(w, 'leaving', (who) => who === id);
		a.emit('echo', 'x'.repeat(1_100_000));
		assert.match((await closed)[0], /^transport (close|error)$/);
		// Polling survives it here: it is the client that takes 413 for the end.
		assert.equal((await told)[2], kind.transport === 'polling' ? 'transport close' : 'transport error');
	});

	matrix('who disconnects in the middle of emits to it harms nobody', async (t, kind) => {
		const [a, b, c] = await Promise.all([1, 2, 3].map(() => connect(t, kind, caddy().url)));
		const room = roomName();
		for (const socket of [a, b, c]) await call(socket, 'join', room);
		for (let i = 0; i < 50; i++) {
			a.emit('to', room, 'x'.repeat(1000));
			if (i === 25) b.io.engine.close();
		}
		await fence(a, a, c);
	});
});

const impatient = socketio(namespace('/'), 'ping_interval 500ms\nping_timeout 1s');

serving('heartbeat', impatient, (caddy) => {
	test('clients that hear nothing any more notice, and so does the server', async (t) => {
		const proxy = await Proxy.start(t, caddy().http);
		const w = await connect(t, kind(4, 'websocket'), caddy().url);
		const sockets = await Promise.all(kinds.map((k) => connect(t, k, proxy.url)));
		const reasons = Promise.all(sockets.map((socket) => heard(socket, 'disconnect')));
		const told = Promise.all(sockets.map(({ id }) => heard(w, 'gone', (who) => who === id)));
		proxy.freeze();
		for (const [reason] of await reasons) assert.equal(reason, 'ping timeout');
		for (const [, , reason] of await told) assert.match(reason, /^(ping timeout|transport (close|error))$/);
	});

	test('connections with nothing to say stay', async (t) => {
		await Promise.all(kinds.map(async (k) => {
			const a = await connect(t, k, caddy().url);
			let lost = false;
			a.on('disconnect', () => (lost = true));
			// A heartbeat is a pong to all: 2.x clients get it, the others send it.
			for (let i = 0; i < 5; i++) await heard(a.io.engine, 'pong');
			assert.equal(lost, false);
			assert.deepEqual(await call(a, 'echo', 1, 2), [1, 2]);
		}));
	});
});
