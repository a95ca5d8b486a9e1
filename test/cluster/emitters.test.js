// Emitters of several generations: each socket of the target gets a message once.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { Emitter } from '@socket.io/redis-emitter';
import Client from 'ioredis';
import { createClient } from 'redis';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { awaitCondition, awaitMessages, connectSocket, emitWithAck, startCaddys } from './lib/cluster.js';

const require = createRequire(import.meta.url);
const { Emitter: Emitter4 } = require('redis-emitter-4');
const emitters = {
	'socket.io-emitter 2 with ioredis': ({ io }) => require('socket.io-emitter-2')(io),
	'socket.io-emitter 3 with ioredis': ({ io }) => require('socket.io-emitter')(io),
	'@socket.io/redis-emitter 4 with ioredis': ({ io }) => new Emitter4(io),
	'@socket.io/redis-emitter 4 with redis': ({ node }) => new Emitter4(node),
	'@socket.io/redis-emitter 5 with ioredis': ({ io }) => new Emitter(io),
	'@socket.io/redis-emitter 5 with redis': ({ node }) => new Emitter(node),
};

describe('emitters', { skip: redisMissing, timeout: 60_000 }, () => {
	let redis;
	let nodes;
	let clients;

	before(async () => {
		redis = await Redis.start();
		clients = { io: new Client(redis.port), node: createClient({ url: redis.url }) };
		await clients.node.connect();
		nodes = await startCaddys(redis, 2);
	});
	after(async () => {
		await Promise.all((nodes ?? []).map((n) => n.stop()));
		clients?.io.disconnect();
		await clients?.node.quit();
		await redis?.stop();
	});

	// Three sockets: in a, in a and b, and in none of them.
	async function sockets(t) {
		const list = await Promise.all([connectSocket(t, nodes[0]), connectSocket(t, nodes[1]), connectSocket(t, nodes[0])]);
		await emitWithAck(list[0], 'join', 'a');
		await emitWithAck(list[1], 'join', 'a');
		await emitWithAck(list[1], 'join', 'b');
		return list;
	}

	for (const [name, make] of Object.entries(emitters)) {
		it(`${name} reaches each socket once`, async (t) => {
			const emitter = make(clients);
			const list = await sockets(t);
			emitter.to('a').to('b').emit('msg', 'both');
			emitter.to('b').to('a').emit('msg', 'both again');
			emitter.to('b').emit('msg', 'b');
			emitter.to(list[2].id).to('none').emit('msg', 'third');
			emitter.emit('msg', 'end');
			for (const [i, expected] of [['both', 'both again', 'end'], ['both', 'both again', 'b', 'end'], ['third', 'end']].entries()) {
				await awaitMessages(list[i], expected.length);
				assert.deepEqual(list[i].got.map(([m]) => m), expected);
			}
		});

		it(`${name} sends values as JSON would`, async (t) => {
			const emitter = make(clients);
			const [socket] = await sockets(t);
			emitter.emit('msg', Buffer.from([1, 2]), { deep: [Buffer.from([3])] });
			emitter.emit('msg', new Date(1e12), [undefined, null], -0, 2 ** 53, 1.5, 'é\u2028"\\\n', { a: 1, 2: true });
			await awaitMessages(socket, 2);
			const [[first, { deep }], rest] = socket.got;
			assert.deepEqual([Buffer.from(first), Buffer.from(deep[0])], [Buffer.from([1, 2]), Buffer.from([3])]);
			assert.deepEqual(rest, ['2001-09-09T01:46:40.000Z', [null, null], 0, 2 ** 53, 1.5, 'é\u2028"\\\n', { a: 1, 2: true }]);
		});
	}

	for (const [name, make] of Object.entries(emitters).filter(([name]) => name.startsWith('@'))) {
		it(`${name} moves and disconnects sockets`, async (t) => {
			const emitter = make(clients);
			const list = await sockets(t);
			emitter.in('a').except('b').socketsJoin(['x', 'y']);
			await awaitCondition(async () => (await emitWithAck(list[0], 'rooms')).includes('y'), 'the socket joins');
			emitter.in('x').socketsLeave('y');
			await awaitCondition(async () => !(await emitWithAck(list[0], 'rooms')).includes('y'), 'the socket leaves');
			assert.deepEqual((await emitWithAck(list[1], 'rooms')).slice(1), ['a', 'b']);
			const gone = new Promise((resolve) => list[0].on('disconnect', resolve));
			emitter.in('x').disconnectSockets(true);
			await gone;
			emitter.to('b').except('none').emit('msg', 'still here');
			assert.deepEqual(await awaitMessages(list[1], 1), ['still here']);
		});
	}
});
