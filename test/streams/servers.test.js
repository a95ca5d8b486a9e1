// Caddys and a Node.js server, with both of the Redis clients in use.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { assertOrderKept } from '../e2e/lib/cluster-sockets.js';
import { awaitCondition, connectSocket, emitWithAck, Node, startCaddys } from './lib/streams.js';

for (const kind of ['ioredis', 'redis']) {
	describe(`Socket.IO 4 with ${kind}`, { skip: redisMissing, timeout: 60_000 }, () => {
		let redis;
		let node;
		let nodes;

		before(async () => {
			redis = await Redis.start();
			node = await Node.start(redis, { kind });
			nodes = [...await startCaddys(redis, 2), node];
			await node.sees(3);
			// An idle Node.js server reads from the end of the stream, each time again.
			const sockets = await Promise.all(nodes.map((n) => connectSocket({ after() {} }, n)));
			await awaitCondition(async () => {
				await nodes[0].emit({ event: 'msg', args: ['awake?'] });
				return sockets[2].got.length > 0;
			}, 'Node reads');
			await nodes[0].emit({ event: 'msg', args: ['awake'] });
			const awake = (socket) => socket.got.some(([word]) => word === 'awake');
			await awaitCondition(() => sockets.every(awake), 'all have heard all of it');
			for (const socket of sockets) socket.close();
		});
		after(async () => {
			await Promise.all((nodes ?? []).map((n) => n.stop()));
			await redis?.stop();
		});

		it('emits, in all forms', async (t) => {
			const sockets = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			const [a, b, c] = sockets;
			for (const socket of sockets) await emitWithAck(socket, 'join', 'all');
			await emitWithAck(a, 'join', 'ab');
			await emitWithAck(b, 'join', 'ab');
			await emitWithAck(b, 'join', '7');
			await emitWithAck(c, 'join', '7');
			const binary = Buffer.from([1, 2, 3, 250]);
			node.io.emit('msg', 'to all', { nested: [binary, null, 'é😀'], big: 2 ** 60 });
			node.io.to('ab').emit('msg', 'to two');
			node.io.to('all').except('ab').emit('msg', 'not those');
			node.io.to(['ab', '7']).emit('msg', 'several rooms');
			node.io.to(7).compress(false).emit('msg', 'a number');
			await nodes[0].emit({ event: 'msg', args: ['from caddy', { $binary: binary.toString('base64') }] });
			await nodes[1].emit({ event: 'msg', to: ['all', 'ab'], except: ['7'], args: ['rooms from caddy'] });
			a.emit('to', 'all', binary);
			node.io.emit('msg', 'end');
			const seen = (socket) => socket.got.map(([first]) => (Buffer.isBuffer(first) ? 'binary' : first)).sort();
			for (const socket of sockets) await awaitCondition(() => seen(socket).includes('end') && seen(socket).includes('from caddy'), 'the end');
			await awaitCondition(() => seen(b).includes('binary') && seen(c).includes('binary'), 'binary');
			await awaitCondition(() => seen(a).includes('rooms from caddy'), 'rooms');
			const common = ['end', 'from caddy', 'several rooms', 'to all'];
			assert.deepEqual(seen(a), [...common, 'rooms from caddy', 'to two'].sort());
			assert.deepEqual(seen(b), [...common, 'a number', 'binary', 'to two'].sort());
			assert.deepEqual(seen(c), [...common, 'binary', 'not those'].sort()); // it tells 7 from '7'
			for (const socket of sockets) {
				const [, object] = socket.got.find(([first]) => first === 'to all');
				assert.deepEqual(object, { nested: [binary, null, 'é😀'], big: 2 ** 60 });
				assert.deepEqual(socket.got.find(([first]) => first === 'from caddy')[1], binary);
			}
			assert.deepEqual(c.got.find(([first]) => Buffer.isBuffer(first))[0], binary);
		});

		it('takes an empty list of rooms for nobody, and for everyone when Node.js says it', async (t) => {
			const sockets = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			await nodes[0].emit({ to: [], event: 'msg', args: ['nobody'] });
			await nodes[1].emit({ to: [], event: 'msg', args: ['nobody'], ack: {} });
			for (const operation of ['join', 'leave']) await nodes[0].post(`/socketio/${operation}`, { in: [], rooms: [sockets[2].id, 'wrong'] });
			await nodes[0].post('/socketio/disconnect', { in: [] });
			node.io.to([]).emit('msg', 'everyone');
			for (const n of nodes.slice(0, 2)) await n.emit({ event: 'msg', args: ['end'] });
			for (const socket of sockets) {
				await awaitCondition(() => socket.got.length === 3, 'all of it');
				assert.deepEqual(socket.got.flat().sort(), ['end', 'end', 'everyone']);
				assert.deepEqual((await emitWithAck(socket, 'rooms')).flat(), [socket.id]);
			}
		});

		it('keeps the order of what one socket says, among other things', async (t) => {
			await assertOrderKept(await Promise.all(nodes.map((n) => connectSocket(t, n))));
		});

		it('joins, leaves and disconnects elsewhere', async (t) => {
			const sockets = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			node.io.socketsJoin('moved');
			for (const socket of sockets) await awaitCondition(async () => (await emitWithAck(socket, 'rooms')).includes('moved'), 'they join');
			node.io.in('moved').socketsLeave('moved');
			for (const socket of sockets) await awaitCondition(async () => !(await emitWithAck(socket, 'rooms')).includes('moved'), 'they leave');
			const gone = Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('disconnect', resolve))));
			node.io.in(sockets.map(({ id }) => id)).disconnectSockets();
			assert.deepEqual(await gone, Array(3).fill('io server disconnect'));
		});

		it('asks all servers, many times at once', async (t) => {
			const sockets = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			await emitWithAck(sockets[0], 'set', 'ada');
			const ids = sockets.map(({ id }) => id).sort();
			const lists = await Promise.all(Array.from({ length: 50 }, () => node.io.fetchSockets()));
			for (const found of lists) assert.deepEqual(found.map(({ id }) => id).sort(), ids);
			const ada = lists[0].find(({ id }) => id === sockets[0].id);
			assert.equal(ada.data.name, 'ada');
			assert.ok(ada.handshake.headers && ada.handshake.issued > 1e12 && [...ada.rooms].includes(ada.id));
			for (const socket of sockets) socket.on('q', (n, ack) => ack(n));
			const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => node.io.timeout(5000).emitWithAck('q', i)));
			answers.forEach((list, i) => assert.deepEqual(list, [i, i, i]));
			assert.deepEqual(await node.io.serverSideEmitWithAck('anybody?', Buffer.from([1])), [null, null]);
			node.io.serverSideEmit('nobody');
			const [one] = await node.io.in(ids[0]).fetchSockets();
			assert.deepEqual(await one.timeout(5000).emitWithAck('q', 'one'), 'one');
			const bytes = Buffer.from([0, 255]);
			assert.deepEqual(await one.timeout(5000).emitWithAck('q', bytes), bytes);
		});

		it('answers Caddy', async (t) => {
			const sockets = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			for (const socket of sockets) socket.on('q', (n, ack) => ack(n + 1));
			const { status, body } = await nodes[0].post('/socketio/emit', { event: 'q', args: [1], ack: { timeout: '5s' } });
			assert.equal(status, 200, JSON.stringify(body));
			assert.deepEqual([body.delivered, body.responses, body.complete], [3, [[2], [2], [2]], true]);
			const found = await nodes[1].get('/socketio/sockets');
			assert.deepEqual(found.body.map(({ id }) => id), sockets.map(({ id }) => id).sort());
		});

		it('hears clients that do not answer', async (t) => {
			const [a] = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			a.on('q', (ack) => ack('only'));
			const { responses } = await new Promise((resolve) => {
				node.io.timeout(1500).emit('q', (error, responses) => resolve({ error, responses }));
			});
			assert.deepEqual(responses, ['only']);
		});

		it('is sent nothing malformed', () => assert.deepEqual(node.errors, []));
	});
}
