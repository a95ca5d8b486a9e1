// Two Caddys, a Node.js server and the emitters share rooms through Redis.

import assert from 'node:assert/strict';
import { once as eventOf } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, describe } from 'node:test';
import { createAdapter } from '@socket.io/redis-adapter';
import { Emitter } from '@socket.io/redis-emitter';
import Client from 'ioredis';
import { Server } from 'socket.io';
import { Caddy } from './lib/caddy.js';
import { awaitDelivery, connectSocket, emitWithAck, Inbox, inboxes, kind, uniqueRoom } from './lib/clients.js';
import { Redis, redisMissing } from './lib/redis.js';
import { namespace, socketio, test } from './lib/rules.js';
import { awaitEvent, withDeadline } from './lib/time.js';

const oldEmitter = createRequire(import.meta.url)('socket.io-emitter');
const binary = (bytes) => ({ $binary: Buffer.from(bytes).toString('base64') });
const site = socketio(namespace('/'));
const global = (redis) => `socketio {\n\tcluster redis ${redis.url}\n}`;

// Node is a Socket.IO server on Node.js with the events of these tests.
class Node {
	static async start(redis) {
		const node = new Node();
		node.clients = [new Client(redis.port), new Client(redis.port)];
		for (const client of node.clients) client.on('error', () => {}); // it reconnects
		await Promise.all(node.clients.map((client) => client.status === 'ready' || eventOf(client, 'ready')));
		const server = createServer();
		node.io = new Server(server, { adapter: createAdapter(...node.clients) });
		node.io.on('connection', (socket) => {
			socket.data.name = 'from node';
			socket.on('join', (rooms, ack) => {
				socket.join(rooms);
				ack([...socket.rooms]);
			});
			socket.on('rooms', (ack) => ack([...socket.rooms]));
			socket.on('echo', (...args) => args.pop()(...args));
			socket.on('to', (rooms, message) => socket.to(rooms).emit('msg', message));
			socket.on('to except', (rooms, except, message) => socket.to(rooms).except(except).emit('msg', message));
			socket.on('fence', (token) => node.io.emit('fence', token));
		});
		server.listen(0, '127.0.0.1');
		await eventOf(server, 'listening');
		node.url = `http://127.0.0.1:${server.address().port}`;
		return node;
	}

	async stop() {
		await new Promise((resolve) => this.io.close(resolve));
		await Promise.all(this.clients.map((client) => client.quit())); // after the adapter's last message
	}
}

describe('cluster', { skip: redisMissing }, () => {
	let redis;
	let node;
	let caddys;

	before(async () => {
		redis = await Redis.start();
		node = await Node.start(redis);
		caddys = await Promise.all([1, 2].map(() => Caddy.start(site, { global: global(redis) })));
	});
	after(async () => {
		await Promise.all((caddys ?? []).map((caddy) => caddy.stop()));
		await node?.stop();
		await redis?.stop();
	});

	// A socket on each node: two Caddys and a Node.js server.
	const everywhere = (t, version = 4) => Promise.all([
		connectSocket(t, kind(version, 'websocket'), caddys[0].url),
		connectSocket(t, kind(4, 'upgrade'), caddys[1].url),
		connectSocket(t, kind(4, 'websocket'), node.url),
	]);

	async function together(t, version) {
		const sockets = await everywhere(t, version);
		const room = uniqueRoom();
		for (const socket of sockets) await emitWithAck(socket, 'join', [room]);
		return { sockets, room };
	}

	for (const version of [2, 3, 4]) {
		test(`a room spans the servers, text and binary (client ${version})`, async (t) => {
			const { sockets, room } = await together(t, version);
			const got = inboxes(sockets);
			for (const [i, socket] of sockets.entries()) {
				socket.emit('to', room, { from: i, text: '日本 ☕ 𝄞', file: Buffer.from([0, 0x1e, 0xff]), n: [1, -1, 1.5, 2 ** 53 - 1, null, true] });
				await awaitDelivery(socket, ...sockets);
			}
			for (const [i, inbox] of got.entries()) {
				assert.deepEqual(inbox.all.map(([m]) => m.from), [0, 1, 2].filter((n) => n !== i));
				for (const [{ text, file, n }] of inbox.all) {
					assert.deepEqual([text, Buffer.from(file), n], ['日本 ☕ 𝄞', Buffer.from([0, 0x1e, 0xff]), [1, -1, 1.5, 2 ** 53 - 1, null, true]]);
				}
			}
		});
	}

	test('several rooms are a union, and except counts everywhere', async (t) => {
		const { sockets, room } = await together(t);
		const [a, b, c] = sockets;
		const [other, muted] = [uniqueRoom(), uniqueRoom()];
		await emitWithAck(b, 'join', [other]);
		await emitWithAck(c, 'join', [other]);
		await emitWithAck(c, 'join', [muted]);
		const got = inboxes(sockets);
		a.emit('to', [room, other], 'once');
		a.emit('to except', [room, other], [muted], 'not on node');
		a.emit('to', c.id, 'private');
		await awaitDelivery(a, ...sockets);
		c.emit('to except', [room, other], [b.id], 'not b');
		await awaitDelivery(c, ...sockets);
		assert.deepEqual(got.map((inbox) => inbox.all.flat()), [['not b'], ['once', 'not on node'], ['once', 'private']]);
	});

	test('an emit from outside reaches every server, and local ones do not', async (t) => {
		const { sockets, room } = await together(t);
		const got = inboxes(sockets, 'news');
		await caddys[0].emit({ to: [room], event: 'news', args: [1, binary([1, 2])] });
		await caddys[0].emit({ to: [room], event: 'news', args: [2, 0], local: true });
		await awaitDelivery(sockets[0], ...sockets);
		const first = [1, Buffer.from([1, 2])];
		assert.deepEqual(got.map((inbox) => inbox.all.map(([n, f]) => [n, f && Buffer.from(f)])), [[first, [2, 0]], [first], [first]]);
	});

	test('an empty list of rooms is nobody on any server, and everyone when Node.js says it', async (t) => {
		const { sockets, room } = await together(t);
		const got = inboxes(sockets, 'news');
		const [caddy] = caddys;
		assert.deepEqual(await caddy.emit({ to: [], event: 'news', args: ['nobody'] }), { delivered: 0 });
		assert.deepEqual(await caddy.emit({ to: [], event: 'news', ack: {} }), { delivered: 0, responses: [], complete: true });
		for (const [operation, body] of [['join', { rooms: ['wrong'] }], ['leave', { rooms: [room] }], ['disconnect', { close: true }]]) {
			assert.deepEqual((await caddy.post(`/socketio/${operation}`, { in: [], ...body })).body, { sockets: 0 });
		}
		node.io.to([]).emit('news', 'everyone');
		await awaitDelivery(sockets[0], ...sockets);
		await awaitDelivery(sockets[2], ...sockets);
		assert.deepEqual(got.map((inbox) => inbox.all), sockets.map(() => [['everyone']]));
		for (const socket of sockets) assert.deepEqual((await emitWithAck(socket, 'rooms'))[0], [socket.id, room]);
	});

	test('emitters old and new are heard', async (t) => {
		const { sockets, room } = await together(t);
		const { port } = redis;
		const [client] = node.clients;
		const got = inboxes(sockets, 'news');
		const emitters = { new: new Emitter(client), old: oldEmitter(client) };
		for (const [name, emitter] of Object.entries(emitters)) {
			emitter.to(room).emit('news', name, { port });
			emitter.to(room).to(sockets[0].id).emit('news', `${name}, two rooms`, Buffer.from([7]));
		}
		emitters.new.to(room).except(sockets[1].id).emit('news', 'but one');
		for (const inbox of got) await inbox.has(4);
		emitters.new.emit('fence', room);
		await Promise.all(sockets.map((socket) => awaitEvent(socket, 'fence', (token) => token === room)));
		const all = ['new', 'new, two rooms', 'old', 'old, two rooms'];
		assert.deepEqual(got.map((inbox) => inbox.all.map(([name]) => name)), [[...all, 'but one'], all, [...all, 'but one']]);
		assert.deepEqual(Buffer.from(got[0].all[1][1]), Buffer.from([7]));
	});

	test('sockets are moved and disconnected on every server, from any', async (t) => {
		const { sockets, room } = await together(t);
		const [x, y] = [uniqueRoom(), uniqueRoom()];
		const rooms = () => Promise.all(sockets.map(async (socket) => (await emitWithAck(socket, 'rooms'))[0].slice(1)));
		// An operation takes effect on other nodes a moment later.
		const become = async (...expected) => {
			const all = Date.now() + 10_000;
			let now;
			do now = await rooms(); while (JSON.stringify(now) !== JSON.stringify(expected) && Date.now() < all);
			assert.deepEqual(now, expected);
		};
		await caddys[0].post('/socketio/join', { in: [room], rooms: [x] });
		await become([room, x], [room, x], [room, x]);
		node.io.in(room).socketsJoin(y);
		await become([room, x, y], [room, x, y], [room, x, y]);
		await caddys[1].post('/socketio/leave', { in: [room], except: [sockets[0].id], rooms: [x] });
		await become([room, x, y], [room, y], [room, y]);
		node.io.in(sockets.slice(0, 2).map(({ id }) => id)).socketsLeave(y);
		await become([room, x], [room], [room, y]);

		const reasons = Promise.all(sockets.slice(0, 2).map((socket) => awaitEvent(socket, 'disconnect')));
		node.io.in(sockets[0].id).disconnectSockets();
		await caddys[0].post('/socketio/disconnect', { in: [sockets[1].id], close: true });
		for (const [reason] of await reasons) assert.equal(reason, 'io server disconnect');
		const last = awaitEvent(sockets[2], 'disconnect');
		await caddys[1].post('/socketio/disconnect', { in: [sockets[2].id] });
		assert.equal((await last)[0], 'io server disconnect');
	});

	test('each server can list the sockets of all', async (t) => {
		const { sockets, room } = await together(t);
		await emitWithAck(sockets[0], 'set name', { first: 'Ada' });
		const ids = sockets.map(({ id }) => id).sort();
		for (const caddy of caddys) {
			const { body } = await caddy.get(`/socketio/sockets?${new URLSearchParams({ in: room })}`);
			assert.deepEqual(body.map(({ id }) => id).sort(), ids);
			assert.deepEqual(body.find(({ id }) => id === sockets[2].id).data, { name: 'from node' });
		}
		const { body: local } = await caddys[0].get(`/socketio/sockets?${new URLSearchParams({ in: room, local: 'true' })}`);
		assert.deepEqual(local.map(({ id }) => id), [sockets[0].id]);

		const seen = await node.io.in(room).fetchSockets();
		assert.deepEqual(seen.map(({ id }) => id).sort(), ids);
		const ada = seen.find(({ id }) => id === sockets[0].id);
		assert.deepEqual(ada.data, { name: { first: 'Ada' } });
		assert.ok(ada.rooms.has(room));
		assert.equal(ada.handshake.address, '127.0.0.1');
		const all = await node.io.of('/').adapter.allRooms();
		assert.ok(all.has(room) && all.has(sockets[0].id));
	});

	test('clients on every server acknowledge', async (t) => {
		const { sockets, room } = await together(t);
		for (const [i, socket] of sockets.entries()) socket.on('question', (n, ack) => ack(n + i));
		const { responses, complete } = await caddys[0].emit({ to: [room], event: 'question', args: [10], ack: { timeout: '5s' } });
		assert.deepEqual([responses.flat().sort(), complete], [[10, 11, 12], true]);
		const answers = await withDeadline(node.io.to(room).timeout(5000).emitWithAck('question', 20), 'the answers');
		assert.deepEqual(answers.sort(), [20, 21, 22]);
	});

	test('servers speak with each other', async () => {
		const got = new Promise((resolve) => node.io.once('hello', (...args) => resolve(args)));
		const answer = caddys[0].post('/socketio/server_side_emit', { event: 'hello', args: ['from caddy', { n: 1 }] });
		assert.deepEqual(await withDeadline(got, 'hello'), ['from caddy', { n: 1 }]);
		assert.equal((await answer).status, 200);

		node.io.once('question', (n, ack) => ack(n * 2));
		const { body } = await caddys[0].post('/socketio/server_side_emit', { event: 'question', args: [21], ack: { timeout: '5s' } });
		assert.equal(body.complete, true);
		assert.ok(body.responses.flat(2).includes(42), JSON.stringify(body));
		const answers = await withDeadline(new Promise((resolve, reject) => {
			node.io.serverSideEmit('anybody?', (error, list) => (error ? reject(error) : resolve(list)));
		}), 'the answers of the Caddys');
		assert.equal(answers.length, 2);
	});

	test('the loss of Redis is survived, and rooms span the servers again after it', async (t) => {
		const { sockets, room } = await together(t);
		const beside = await connectSocket(t, kind(4, 'websocket'), caddys[0].url);
		await emitWithAck(beside, 'join', room);
		const lost = sockets.slice(0, 2).map((socket) => {
			const reasons = [];
			socket.on('disconnect', (reason) => reasons.push(reason));
			return reasons;
		});
		const here = new Inbox(beside, 'msg');
		await redis.down();
		sockets[0].emit('to', room, 'local');
		assert.deepEqual(await here.has(1), [['local']]);
		assert.deepEqual(await emitWithAck(sockets[1], 'echo', 1, 2), [1, 2]);
		await redis.up();

		// Each server comes back in its own time: until then, ask again.
		const there = new Inbox(sockets[1], 'msg');
		const deadline = Date.now() + 20_000;
		while (!there.all.some(([m]) => m === 'again') && Date.now() < deadline) {
			sockets[0].emit('to', room, 'again');
			await emitWithAck(sockets[0], 'echo', 0, 0);
			await emitWithAck(sockets[1], 'echo', 0, 0);
		}
		assert.ok(there.all.some(([m]) => m === 'again'));
		assert.deepEqual(lost, [[], []]);
	});
});
