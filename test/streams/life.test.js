// What happens when configs, servers and Redis come and go.

import assert from 'node:assert/strict';
import { once as eventOf } from 'node:events';
import { after, before, describe, it } from 'node:test';
import Client from 'ioredis';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { watch, within } from '../e2e/lib/time.js';
import { survivesKills } from '../e2e/lib/together.js';
import { caddys, call, connect, eventually, has, Node, roam, site, subscribers } from './lib/streams.js';

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
		nodes = await caddys(redis, 2, { settings });
		await node.sees(3);
	});
	after(async () => {
		await Promise.all([...nodes ?? [], node].map((n) => n?.stop()));
		client?.disconnect();
		await redis?.stop();
	});

	it('keeps its connections over a reload, and loses nothing', async (t) => {
		const [a, b] = await Promise.all(nodes.map((n) => connect(t, n)));
		await call(a, 'join', 'r');
		let sent = 0;
		const timer = setInterval(() => b.emit('to', 'r', sent++), 2);
		t.after(() => clearInterval(timer));
		const counted = watch(() => subscribers(client));
		for (let i = 0; i < 5; i++) await nodes[0].reload(`${site(settings)}\nheader X-Reload ${i}`);
		clearInterval(timer);
		assert.deepEqual(await counted(), [3]);
		assert.deepEqual(await has(a, sent), Array.from({ length: sent }, (_, i) => i));
	});

	it('delivers at once while Redis is away, and elsewhere when it is back', async (t) => {
		const [a, b] = await Promise.all(nodes.map((n) => connect(t, n)));
		const near = await connect(t, nodes[0]);
		const far = await connect(t, node);
		for (const socket of [b, near, far]) await call(socket, 'join', 'away');
		await redis.down();
		for (let i = 0; i < 20; i++) a.emit('to', 'away', i);
		const all = Array.from({ length: 20 }, (_, i) => i);
		assert.deepEqual(await has(near, 20), all);
		await redis.up();
		assert.deepEqual(await has(b, 20), all);
		await eventually(async () => await subscribers(client).catch(() => 0) === 3, 'all are back');
		a.emit('to', 'away', 'after');
		await has(near, 21);
		await has(b, 21);
		await eventually(() => far.got.some(([first]) => first === 'after'), 'Node hears');
		const found = await node.io.fetchSockets();
		assert.equal(found.length, 4);
	});

	it('goes on when Redis is killed under load', async (t) => {
		const connectAll = () => Promise.all(nodes.map((n) => connect(t, n)));
		const settled = () => eventually(async () => await subscribers(client).catch(() => 0) === 3, 'all are there');
		await survivesKills(t, { redis, sockets: await connectAll(), near: await connectAll(), settled, pause: 2 });
	});

	it('goes on when its connections are killed under load', async (t) => {
		const [a, b] = await Promise.all(nodes.map((n) => connect(t, n)));
		await call(b, 'join', 'killed');
		let sent = 0;
		const timer = setInterval(() => a.emit('to', 'killed', sent++), 1);
		t.after(() => clearInterval(timer));
		for (const type of ['normal', 'pubsub', 'normal']) {
			await client.client('KILL', 'TYPE', type, 'SKIPME', 'yes');
			const from = sent;
			await eventually(() => b.got.some(([n]) => n > from), 'it goes on');
		}
		clearInterval(timer);
		await eventually(() => b.got.at(-1)[0] === sent - 1, 'the last message');
		const numbers = b.got.map(([n]) => n);
		assert.ok(numbers.every((n, k) => k === 0 || n > numbers[k - 1])); // in order, once
	});

	it('lets clients move on when a server ends', async (t) => {
		const [first, second] = await caddys(redis, 2, { settings });
		t.after(() => second.stop());
		const lost = await roam(t, first);
		const { socket } = lost;
		const { id } = socket;
		await call(socket, 'join', 'moving');
		const teller = await connect(t, nodes[0]);
		teller.emit('to', 'moving', 'before');
		await has(socket, 1);
		lost.balancer.to(second);
		const back = eventOf(socket, 'connect');
		teller.emit('to', 'moving', 'at the end');
		await first.stop();
		await within(back, 'connect');
		assert.equal(socket.recovered, true);
		assert.equal(socket.id, id);
		teller.emit('to', 'moving', 'after');
		assert.deepEqual(await has(socket, 3), ['before', 'at the end', 'after']);
	});

	it('keeps to the stream and prefixes of its config', async (t) => {
		const [own] = await caddys(redis, 1, { settings, cluster: 'stream other\nmax_len 50\nchannel_prefix pre\nsession_prefix ses:', channel: 'pre#/#' });
		t.after(() => own.stop());
		const [a, b] = await Promise.all([own, nodes[0]].map((n) => connect(t, n)));
		await own.emit({ event: 'msg', args: ['own'] });
		assert.deepEqual(await has(a, 1), ['own']);
		assert.ok(await client.xlen('other') > 0);
		await nodes[0].emit({ event: 'msg', args: ['not own'] });
		await has(b, 1);
		assert.deepEqual([a.got.length, b.got.length], [1, 1]);
		const lost = await roam(t, own);
		lost.balancer.cut();
		await eventually(async () => (await client.keys('ses:*')).length > 0, 'the session is saved');
	});
});
