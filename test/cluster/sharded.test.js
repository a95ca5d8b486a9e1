// Caddys and Node.js servers with createShardedAdapter, in each of its modes.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Client from 'ioredis';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { awaitCondition, awaitMessages, connectSocket, countShardSubscribers, emitWithAck, startCaddys } from './lib/cluster.js';
import { Node } from './lib/nodes.js';

for (const [mode, kind] of [['static', 'ioredis'], ['dynamic', 'ioredis'], ['dynamic', 'redis'], ['dynamic-private', 'ioredis'], ['dynamic-private', 'redis']]) {
	describe(`sharded ${mode} with ${kind}`, { skip: redisMissing, timeout: 60_000 }, () => {
		let redis;
		let client;
		let node;
		let nodes; // two Caddys and a Node.js server

		before(async () => {
			redis = await Redis.start();
			client = new Client(redis.port);
			client.on('error', () => {}); // it reconnects
			node = await Node.start(redis, kind, `4.8 sharded ${mode}`);
			nodes = [...await startCaddys(redis, 2, mode === 'dynamic' ? 'sharded' : `sharded ${mode}`), node];
			await node.sees(3);
		});
		after(async () => {
			await Promise.all((nodes ?? []).map((n) => n.stop()));
			client?.disconnect();
			await redis?.stop();
		});

		const channel = (room) => `socket.io#/#${room}#`;
		const subscribed = (room, count) => awaitCondition(
			async () => await countShardSubscribers(client, channel(room)) === (mode === 'static' ? 0 : count),
			`${count} are subscribed to ${room}`,
		);
		const everywhere = (t) => Promise.all(nodes.map((n) => connectSocket(t, n)));

		// join has sockets join a room, and waits until their servers hear it.
		async function join(sockets, room) {
			for (const socket of sockets) await emitWithAck(socket, 'join', room);
			await subscribed(room, sockets.length);
		}

		it('shares rooms, text and binary', async (t) => {
			const sockets = await everywhere(t);
			await join(sockets, 'r');
			for (const [i, socket] of sockets.entries()) {
				const others = sockets.filter((other) => other !== socket);
				const before = others.map((other) => other.got.length);
				socket.emit('to', 'r', { from: i, file: Buffer.from([0, 255]), text: 'é 日本' });
				socket.emit('to', 'r', { from: i, text: 'second' });
				for (const [j, other] of others.entries()) {
					const [first, second] = (await awaitMessages(other, before[j] + 2)).slice(-2);
					assert.deepEqual([first.from, Buffer.from(first.file), first.text], [i, Buffer.from([0, 255]), 'é 日本']);
					assert.deepEqual(second, { from: i, text: 'second' });
				}
			}
		});

		it('reaches one socket, all, several rooms, and all but some', async (t) => {
			const sockets = await everywhere(t);
			const [a, b, c] = sockets;
			if (mode === 'dynamic-private') for (const { id } of sockets) await subscribed(id, 1);
			await join([a], 'a');
			await join([b], 'b');
			node.io.to(a.id).emit('msg', 'to a');
			node.io.to('a').to('b').emit('msg', 'both', [undefined, new Date(0)]);
			node.io.except('a').emit('msg', 'not a');
			node.io.compress(false).emit('msg', 'all');
			await awaitMessages(a, 3);
			await awaitMessages(b, 3);
			await awaitMessages(c, 2);
			// Node.js's Redis clients keep the order of different channels, too.
			assert.deepEqual(a.got, [['to a'], ['both', [null, '1970-01-01T00:00:00.000Z']], ['all']]);
			assert.deepEqual(b.got.map(([m]) => m), ['both', 'not a', 'all']);
			assert.deepEqual(c.got.map(([m]) => m), ['not a', 'all']);
			a.emit('to', c.id, 'to c');
			c.emit('to', b.id, Buffer.from([7]));
			assert.deepEqual((await awaitMessages(c, 3)).at(-1), 'to c');
			assert.deepEqual(Buffer.from((await awaitMessages(b, 4)).at(-1)), Buffer.from([7]));
		});

		it('takes an empty list of rooms for nobody, and for everyone when Node.js says it', async (t) => {
			const sockets = await everywhere(t);
			await nodes[0].emit({ to: [], event: 'msg', args: ['nobody'] });
			await nodes[1].emit({ to: [], event: 'msg', args: ['nobody'], ack: {} });
			for (const operation of ['join', 'leave']) await nodes[0].post(`/socketio/${operation}`, { in: [], rooms: [sockets[2].id, 'wrong'] });
			await nodes[0].post('/socketio/disconnect', { in: [] });
			node.io.to([]).emit('msg', 'everyone');
			for (const n of nodes.slice(0, 2)) await n.emit({ event: 'msg', args: ['end'] });
			for (const socket of sockets) {
				await awaitMessages(socket, 3);
				assert.deepEqual(socket.got.flat().sort(), ['end', 'end', 'everyone']);
				assert.deepEqual((await emitWithAck(socket, 'rooms')).flat(), [socket.id]);
			}
		});

		it('reaches clients of Socket.IO 2, whose ids are of another length', async (t) => {
			const namespace = '/org-old';
			const [a, b] = await Promise.all([0, 1].map((i) => connectSocket(t, nodes[i], { namespace, version: 2 })));
			const of = node.io.of(namespace);
			await awaitCondition(async () => await of.adapter.serverCount() === 3, 'three servers');
			const { body } = await nodes[0].get(`/socketio/sockets?${new URLSearchParams({ namespace })}`);
			const ids = body.map(({ id }) => id).sort();
			assert.deepEqual(ids, [a.id, b.id].sort());
			if (mode !== 'static') for (const id of ids) await awaitCondition(async () => await countShardSubscribers(client, `socket.io#${namespace}#${id}#`) === 1, 'it is heard');
			for (const socket of [a, b]) of.to(socket.id).emit('msg', socket.id);
			a.emit('to', b.id, 'from a');
			assert.deepEqual(await awaitMessages(a, 1), [a.id]);
			assert.deepEqual((await awaitMessages(b, 2)).sort(), [b.id, 'from a'].sort());
		});

		it('asks and moves sockets of the Caddys', async (t) => {
			const [a, b, c] = await everywhere(t);
			const seen = await node.io.fetchSockets();
			assert.deepEqual(seen.map(({ id }) => id).sort(), [a.id, b.id, c.id].sort());
			assert.equal(seen.find(({ id }) => id === a.id).handshake.address, '127.0.0.1');
			node.io.in(a.id).socketsJoin('x');
			await awaitCondition(async () => (await emitWithAck(a, 'rooms')).includes('x'), 'the socket joins');
			await subscribed('x', 1);
			node.io.to('x').emit('msg', 'moved');
			assert.deepEqual(await awaitMessages(a, 1), ['moved']);
			node.io.in('x').socketsLeave('x');
			await awaitCondition(async () => !(await emitWithAck(a, 'rooms')).includes('x'), 'the socket leaves');
			await subscribed('x', 0);
			const gone = new Promise((resolve) => b.on('disconnect', resolve));
			node.io.in(b.id).disconnectSockets(true);
			await gone;
			if (mode === 'dynamic-private') await subscribed(b.id, 0);
		});

		it('is asked by the Caddys', async (t) => {
			const [a, b, c] = await everywhere(t);
			await join([a, c], 'asked');
			const { status, body } = await nodes[1].get('/socketio/sockets?in=asked');
			assert.equal(status, 200, JSON.stringify(body));
			assert.deepEqual(body.map(({ id }) => id).sort(), [a.id, c.id].sort());
			await nodes[1].post('/socketio/join', { in: [c.id], rooms: ['by caddy'] });
			await awaitCondition(async () => (await emitWithAck(c, 'rooms')).includes('by caddy'), 'the socket joins');
			const gone = new Promise((resolve) => c.on('disconnect', resolve));
			await nodes[1].post('/socketio/disconnect', { in: [c.id] });
			await gone;
			assert.equal(b.connected, true);
		});

		it('acknowledges, clients and servers', async (t) => {
			const sockets = await everywhere(t);
			for (const socket of sockets) socket.on('q', (n, ack) => ack(n));
			const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => node.io.timeout(5000).emitWithAck('q', i)));
			answers.forEach((list, i) => assert.deepEqual(list, [i, i, i]));
			const [file] = await node.io.to(sockets[0].id).timeout(5000).emitWithAck('q', Buffer.from([1, 2]));
			assert.deepEqual(Buffer.from(file), Buffer.from([1, 2]));
			assert.deepEqual(await node.io.serverSideEmitWithAck('anybody?', Buffer.from([1])), [null, null]);
			const [remote] = await node.io.in(sockets[1].id).fetchSockets();
			assert.equal(await remote.timeout(5000).emitWithAck('q', 'one'), 'one');
		});

		it('acknowledges to the Caddys', async (t) => {
			const [a, , c] = await everywhere(t);
			for (const socket of [a, c]) socket.on('q', (n, ack) => ack(`${n} from ${socket === a ? 'a' : 'c'}`));
			await join([a, c], 'acks');
			const { status, body } = await nodes[1].post('/socketio/emit', { to: ['acks'], event: 'q', args: [1], ack: { timeout: '5s' } });
			assert.equal(status, 200, JSON.stringify(body));
			assert.deepEqual([body.complete, body.responses.flat().sort()], [true, ['1 from a', '1 from c']]);
		});

		it('has namespaces that come and go', async (t) => {
			const [a, b] = await Promise.all([connectSocket(t, nodes[0], { namespace: '/org-1' }), connectSocket(t, nodes[1], { namespace: '/org-1' })]);
			await emitWithAck(b, 'join', 'r');
			node.io.of('/org-1'); // begins to listen
			await awaitCondition(async () => await node.io.of('/org-1').adapter.serverCount() === 3, 'three servers');
			if (mode !== 'static') await awaitCondition(async () => await countShardSubscribers(client, 'socket.io#/org-1#r#') === 1, 'the room has a channel');
			a.emit('to', 'r', 'x');
			node.io.of('/org-1').to('r').emit('msg', 'y');
			assert.deepEqual((await awaitMessages(b, 2)).sort(), ['x', 'y']);
			assert.equal((await node.io.of('/org-1').fetchSockets()).length, 2);
			a.close();
			b.close();
			await awaitCondition(async () => await node.io.of('/org-1').adapter.serverCount() === 1, 'the Caddys left');
			assert.equal(await countShardSubscribers(client, 'socket.io#/org-1#r#'), 0);
		});

		it('goes on when Redis has been away', async (t) => {
			const [a, , c] = await everywhere(t);
			await join([a, c], 'back');
			await redis.down();
			await redis.up();
			await node.sees(3);
			await subscribed('back', 2);
			node.io.to('back').emit('msg', 'from node');
			for (const socket of [a, c]) assert.deepEqual((await awaitMessages(socket, 1)).at(-1), 'from node');
			const before = c.got.length;
			a.emit('to', 'back', 'from caddy');
			assert.deepEqual((await awaitMessages(c, before + 1)).at(-1), 'from caddy');
		});

		it('is sent nothing malformed', () => {
			const serious = node.errors.filter((error) => !['ECONNREFUSED', 'ECONNRESET'].includes(error.code) && !/closed/i.test(error.message));
			assert.deepEqual(serious, []);
		});
	});
}
