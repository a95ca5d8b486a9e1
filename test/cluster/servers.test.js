// Caddys and Node.js servers of two generations, with the Redis clients in use.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { assertOrderKept } from '../e2e/lib/cluster-sockets.js';
import { awaitCondition, awaitMessages, connectSocket, emitWithAck, startCaddys } from './lib/cluster.js';
import { generations, Node } from './lib/nodes.js';

for (const kind of ['ioredis', 'redis']) {
	describe(`Socket.IO 4 with ${kind}`, { skip: redisMissing, timeout: 60_000 }, () => {
		let redis;
		let node;
		let nodes;

		before(async () => {
			redis = await Redis.start();
			node = await Node.start(redis, kind);
			nodes = [...await startCaddys(redis, 2), node];
			await node.sees(3);
		});
		after(async () => {
			await Promise.all((nodes ?? []).map((n) => n.stop()));
			await redis?.stop();
		});

		it('keeps the order of what one socket says, among other things', async (t) => {
			await assertOrderKept(await Promise.all(nodes.map((n) => connectSocket(t, n))));
		});

		it('asks all servers, many times at once', async (t) => {
			const sockets = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			const ids = sockets.map(({ id }) => id).sort();
			const lists = await Promise.all(Array.from({ length: 50 }, () => node.io.fetchSockets()));
			for (const list of lists) assert.deepEqual(list.map(({ id }) => id).sort(), ids);
			for (const socket of sockets) socket.on('q', (n, ack) => ack(n));
			const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => node.io.timeout(5000).emitWithAck('q', i)));
			answers.forEach((list, i) => assert.deepEqual(list, [i, i, i]));
			assert.deepEqual(await node.io.serverSideEmitWithAck('anybody?'), [null, null]);
			const here = await node.io.in(ids[0]).fetchSockets();
			assert.deepEqual(await here[0].timeout(5000).emitWithAck('q', 'one'), 'one');
		});

		it('hears clients that do not answer', async (t) => {
			const [a] = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			a.on('q', (ack) => ack('only'));
			const { responses } = await new Promise((resolve) => {
				node.io.timeout(1500).emit('q', (error, responses) => resolve({ error, responses }));
			});
			assert.deepEqual(responses, ['only']);
		});

		it('has namespaces that come and go', async (t) => {
			const [a, b] = await Promise.all([connectSocket(t, nodes[0], { namespace: '/org-1' }), connectSocket(t, nodes[1], { namespace: '/org-1' })]);
			await emitWithAck(b, 'join', 'r');
			const other = await connectSocket(t, nodes[1], { namespace: '/org-2' });
			await emitWithAck(other, 'join', 'r');
			node.io.of('/org-1'); // begins to listen
			await awaitCondition(async () => await node.io.of('/org-1').adapter.serverCount() === 3, 'three servers');
			a.emit('to', 'r', 'x');
			node.io.of('/org-1').to('r').emit('msg', 'y');
			assert.deepEqual((await awaitMessages(b, 2)).sort(), ['x', 'y']);
			assert.equal((await node.io.of('/org-1').fetchSockets()).length, 2);
			a.close();
			b.close();
			await awaitCondition(async () => await node.io.of('/org-1').adapter.serverCount() === 1, 'the Caddys left');
			assert.deepEqual(other.got, []);
		});

		it('is sent nothing malformed', () => assert.deepEqual(node.errors, []));
	});
}

for (const generation of Object.keys(generations).filter((name) => !name.includes('sharded'))) {
	describe(`Socket.IO ${generation}`, { skip: redisMissing, timeout: 60_000 }, () => {
		let redis;
		let node;
		let nodes;

		before(async () => {
			redis = await Redis.start();
			node = await Node.start(redis, 'ioredis', generation);
			nodes = [...await startCaddys(redis, 2), node];
			await node.sees(3);
		});
		after(async () => {
			await Promise.all((nodes ?? []).map((n) => n.stop()));
			await redis?.stop();
		});

		it('shares rooms, text and binary', async (t) => {
			const sockets = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			for (const socket of sockets) await emitWithAck(socket, 'join', 'r');
			for (const [i, socket] of sockets.entries()) {
				const others = sockets.filter((other) => other !== socket);
				const before = others.map((other) => other.got.length);
				socket.emit('to', 'r', { from: i, file: Buffer.from([0, 255]), text: 'é 日本' });
				for (const [j, other] of others.entries()) {
					const { from, file, text } = (await awaitMessages(other, before[j] + 1)).at(-1);
					assert.deepEqual([from, Buffer.from(file), text], [i, Buffer.from([0, 255]), 'é 日本']);
				}
			}
		});

		it('asks and moves sockets of the Caddys', async (t) => {
			const [a, b, c] = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			const ids = [a, b, c].map(({ id }) => id).sort();
			const seen = await node.io.fetchSockets();
			assert.deepEqual(seen.map(({ id }) => id).sort(), ids);
			assert.equal(seen.find(({ id }) => id === a.id).handshake.address, '127.0.0.1');
			if (!generation.startsWith('4.0')) {
				for (const socket of [a, b, c]) socket.on('q', (n, ack) => ack(Buffer.from([n])));
				const answers = await new Promise((resolve, reject) => {
					node.io.timeout(5000).emit('q', 1, (error, list) => (error ? reject(error) : resolve(list)));
				});
				assert.deepEqual(answers.map((answer) => [...answer]), [[1], [1], [1]]);
			}
			node.io.in(a.id).socketsJoin('x');
			await awaitCondition(async () => (await emitWithAck(a, 'rooms')).includes('x'), 'the socket joins');
			assert.ok((await node.adapter.allRooms()).has('x'));
			if (node.adapter.remoteJoin) { // gone with version 8
				assert.deepEqual([...await node.adapter.sockets(new Set(['x']))], [a.id]);
				await node.adapter.remoteJoin(b.id, 'y');
				assert.ok((await emitWithAck(b, 'rooms')).includes('y'));
				await node.adapter.remoteLeave(b.id, 'y');
				assert.ok(!(await emitWithAck(b, 'rooms')).includes('y'));
			}
			node.io.in('x').socketsLeave('x');
			await awaitCondition(async () => !(await emitWithAck(a, 'rooms')).includes('x'), 'the socket leaves');
			const gone = new Promise((resolve) => b.on('disconnect', resolve));
			node.io.in(b.id).disconnectSockets(true);
			await gone;
		});

		it('is asked by the Caddys', async (t) => {
			const [a, , c] = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			const knowsAcks = !generation.startsWith('4.0'); // which it ignores
			for (const socket of [a, c]) socket.on('q', (n, ack) => ack(n + 1));
			const { body: acks } = await nodes[1].post('/socketio/emit', { to: [a.id, c.id], event: 'q', args: [1], ack: { timeout: knowsAcks ? '5s' : '500ms' } });
			assert.deepEqual([acks.complete, acks.responses], [knowsAcks, Array(knowsAcks ? 2 : 1).fill([2])]);
			await emitWithAck(c, 'join', 'asked');
			await emitWithAck(a, 'join', 'asked');
			const { status, body } = await nodes[1].get('/socketio/sockets?in=asked');
			assert.equal(status, 200, JSON.stringify(body));
			assert.deepEqual(body.map(({ id }) => id).sort(), [a.id, c.id].sort());
			const gone = new Promise((resolve) => c.on('disconnect', resolve));
			await nodes[1].post('/socketio/disconnect', { in: [c.id] });
			await gone;
		});

		it('is sent nothing malformed', () => assert.deepEqual(node.errors, []));
	});
}

describe('Socket.IO 2', { skip: redisMissing, timeout: 60_000 }, () => {
	let redis;
	let node;
	let nodes;

	before(async () => {
		redis = await Redis.start();
		node = await Node.startOld(redis);
		nodes = [...await startCaddys(redis, 2), node];
		await awaitCondition(() => new Promise((resolve) => node.adapter.allRooms((error) => resolve(!error))), 'all answer');
	});
	after(async () => {
		await Promise.all((nodes ?? []).map((n) => n.stop()));
		await redis?.stop();
	});

	const ask = (...args) => node.ask(...args);
	const everywhere = (t) => Promise.all([connectSocket(t, nodes[0]), connectSocket(t, nodes[1], { version: 2 }), connectSocket(t, node, { version: 2 })]);

	it('shares rooms, text and binary', async (t) => {
		const sockets = await everywhere(t);
		for (const socket of sockets) await emitWithAck(socket, 'join', 'old');
		sockets[0].emit('to', 'old', { from: 0, text: 'é 日本' });
		assert.deepEqual(await awaitMessages(sockets[2], 1), [{ from: 0, text: 'é 日本' }]);
		sockets[2].emit('to', 'old', Buffer.from([1, 2, 255]));
		for (const [i, count] of [[0, 1], [1, 2]]) {
			assert.deepEqual(Buffer.from((await awaitMessages(sockets[i], count)).at(-1)), Buffer.from([1, 2, 255]));
		}
		node.io.to('old').to('other').emit('msg', new Date(0), [undefined]);
		await awaitMessages(sockets[0], 2);
		assert.deepEqual(sockets[0].got.at(-1), ['1970-01-01T00:00:00.000Z', [null]]);
	});

	it('asks the Caddys in its own language', async (t) => {
		const sockets = await everywhere(t);
		const ids = sockets.map(({ id }) => id).sort();
		await emitWithAck(sockets[0], 'join', 'r1');
		assert.deepEqual((await ask('clients', [])).sort(), ids);
		assert.deepEqual(await ask('clients', ['r1']), [sockets[0].id]);
		assert.deepEqual((await ask('clientRooms', sockets[0].id)).sort(), [sockets[0].id, 'r1'].sort());
		assert.ok((await ask('allRooms')).includes('r1'));
		await ask('remoteJoin', sockets[1].id, 'r2');
		assert.deepEqual((await emitWithAck(sockets[1], 'rooms')).sort(), [sockets[1].id, 'r2'].sort());
		await ask('remoteLeave', sockets[1].id, 'r2');
		assert.deepEqual(await emitWithAck(sockets[1], 'rooms'), [sockets[1].id]);
		assert.equal((await ask('customRequest', { q: 1 })).length, 3);
		const gone = new Promise((resolve) => sockets[0].on('disconnect', resolve));
		await ask('remoteDisconnect', sockets[0].id, true);
		await gone;
	});

	it('outlives what it does not understand', async (t) => {
		const sockets = await everywhere(t);
		for (const socket of sockets) await emitWithAck(socket, 'join', 'acks');
		for (const socket of sockets) socket.on('q', (n, ack) => ack(Buffer.from([n])));
		const { status, body } = await nodes[0].post('/socketio/emit', { to: ['acks'], event: 'q', args: [1], ack: { timeout: '1500ms' } });
		assert.equal(status, 200, JSON.stringify(body));
		// It counts as a server, and does not answer.
		assert.deepEqual([body.complete, body.responses.length], [false, 2]);
		assert.equal((await nodes[0].post('/socketio/server_side_emit', { event: 'q', args: [1] })).status, 200);
		await nodes[0].post('/socketio/join', { in: [sockets[2].id], rooms: ['x'] });
		await nodes[0].post('/socketio/leave', { in: [sockets[2].id], rooms: ['x'] });
		await nodes[0].post('/socketio/disconnect', { in: [sockets[2].id] });
		await nodes[0].emit({ to: ['acks'], except: [sockets[0].id], event: 'msg', args: ['to all but one', { $binary: 'AQID' }] });
		assert.deepEqual(await awaitMessages(sockets[2], 1), ['to all but one']);
		assert.deepEqual(Buffer.from(sockets[2].got[0][1]), Buffer.from([1, 2, 3]));
		assert.deepEqual(sockets[0].got, []);
	});

	it('is sent nothing malformed', () => assert.deepEqual(node.errors, []));
});
