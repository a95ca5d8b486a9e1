// The cluster while configs, nodes and Redis come and go.

import assert from 'node:assert/strict';
import { once as eventOf } from 'node:events';
import { after, before, describe, it } from 'node:test';
import Client from 'ioredis';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { sampleCounts, withDeadline } from '../e2e/lib/time.js';
import { assertRedisKillsSurvived } from '../e2e/lib/cluster-sockets.js';
import { awaitCondition, awaitMessages, connectSocket, connectThroughBalancer, countChannelSubscribers, emitWithAck, Node, site, startCaddys } from './lib/streams.js';

const settings = 'recovery 1m';

describe('life', { skip: redisMissing, timeout: 120_000 }, () => {
	let redis;
	let client;
	let node;
	let nodes;

	before(async () => {
		redis = await Redis.start();
		client = new Client(redis.port);
		client.on('error', () => {}); // it reconnects
		node = await Node.start(redis, { recovery: true });
		nodes = await startCaddys(redis, 2, { settings });
		await node.sees(3);
	});
	after(async () => {
		await Promise.all([...nodes ?? [], node].map((n) => n?.stop()));
		client?.disconnect();
		await redis?.stop();
	});

	it('keeps its connections over a reload, and loses nothing', async (t) => {
		const [a, b] = await Promise.all(nodes.map((n) => connectSocket(t, n)));
		await emitWithAck(a, 'join', 'r');
		let sent = 0;
		const timer = setInterval(() => b.emit('to', 'r', sent++), 2);
		t.after(() => clearInterval(timer));
		const counted = sampleCounts(() => countChannelSubscribers(client));
		for (let i = 0; i < 5; i++) await nodes[0].reload(`${site(settings)}\nheader X-Reload ${i}`);
		clearInterval(timer);
		assert.deepEqual(await counted(), [3]);
		assert.deepEqual(await awaitMessages(a, sent), Array.from({ length: sent }, (_, i) => i));
	});

	it('delivers at once while Redis is away, and elsewhere when it is back', async (t) => {
		const [a, b] = await Promise.all(nodes.map((n) => connectSocket(t, n)));
		const near = await connectSocket(t, nodes[0]);
		const far = await connectSocket(t, node);
		for (const socket of [b, near, far]) await emitWithAck(socket, 'join', 'away');
		await redis.down();
		for (let i = 0; i < 20; i++) a.emit('to', 'away', i);
		const all = Array.from({ length: 20 }, (_, i) => i);
		assert.deepEqual(await awaitMessages(near, 20), all);
		await redis.up();
		assert.deepEqual(await awaitMessages(b, 20), all);
		await awaitCondition(async () => await countChannelSubscribers(client).catch(() => 0) === 3, 'all are back');
		a.emit('to', 'away', 'after');
		await awaitMessages(near, 21);
		await awaitMessages(b, 21);
		await awaitCondition(() => far.got.some(([first]) => first === 'after'), 'Node hears');
		const found = await node.io.fetchSockets();
		assert.equal(found.length, 4);
	});

	it('goes on when Redis is killed under load', async (t) => {
		const connectAll = () => Promise.all(nodes.map((n) => connectSocket(t, n)));
		const settled = () => awaitCondition(async () => await countChannelSubscribers(client).catch(() => 0) === 3, 'all are there');
		await assertRedisKillsSurvived(t, { redis, sockets: await connectAll(), near: await connectAll(), settled, pause: 2 });
	});

	it('goes on when its connections are killed under load', async (t) => {
		const [a, b] = await Promise.all(nodes.map((n) => connectSocket(t, n)));
		await emitWithAck(b, 'join', 'killed');
		let sent = 0;
		const timer = setInterval(() => a.emit('to', 'killed', sent++), 1);
		t.after(() => clearInterval(timer));
		for (const type of ['normal', 'pubsub', 'normal']) {
			await client.client('KILL', 'TYPE', type, 'SKIPME', 'yes');
			const from = sent;
			await awaitCondition(() => b.got.some(([n]) => n > from), 'it goes on');
		}
		clearInterval(timer);
		await awaitCondition(() => b.got.at(-1)[0] === sent - 1, 'the last message');
		const numbers = b.got.map(([n]) => n);
		assert.ok(numbers.every((n, k) => k === 0 || n > numbers[k - 1])); // in order, once
	});

	it('lets clients move on when a server ends', async (t) => {
		const [first, second] = await startCaddys(redis, 2, { settings });
		t.after(() => second.stop());
		const lost = await connectThroughBalancer(t, first);
		const { socket } = lost;
		const { id } = socket;
		await emitWithAck(socket, 'join', 'moving');
		const teller = await connectSocket(t, nodes[0]);
		teller.emit('to', 'moving', 'before');
		await awaitMessages(socket, 1);
		lost.balancer.to(second);
		const back = eventOf(socket, 'connect');
		teller.emit('to', 'moving', 'at the end');
		await first.stop();
		await withDeadline(back, 'connect');
		assert.equal(socket.recovered, true);
		assert.equal(socket.id, id);
		teller.emit('to', 'moving', 'after');
		assert.deepEqual(await awaitMessages(socket, 3), ['before', 'at the end', 'after']);
	});

	it('keeps to the stream and prefixes of its config', async (t) => {
		const [own] = await startCaddys(redis, 1, { settings, cluster: 'stream other\nmax_len 50\nchannel_prefix pre\nsession_prefix ses:', channel: 'pre#/#' });
		t.after(() => own.stop());
		const [a, b] = await Promise.all([own, nodes[0]].map((n) => connectSocket(t, n)));
		await own.emit({ event: 'msg', args: ['own'] });
		assert.deepEqual(await awaitMessages(a, 1), ['own']);
		assert.ok(await client.xlen('other') > 0);
		await nodes[0].emit({ event: 'msg', args: ['not own'] });
		await awaitMessages(b, 1);
		assert.deepEqual([a.got.length, b.got.length], [1, 1]);
		const lost = await connectThroughBalancer(t, own);
		lost.balancer.cut();
		await awaitCondition(async () => (await client.keys('ses:*')).length > 0, 'the session is saved');
	});
});
