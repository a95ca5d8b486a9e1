// The cluster while configs and Redis come and go.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Client from 'ioredis';
import { Caddy } from '../e2e/lib/caddy.js';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { sampleCounts } from '../e2e/lib/time.js';
import { assertRedisKillsSurvived } from '../e2e/lib/cluster-sockets.js';
import { awaitCondition, awaitMessages, connectSocket, countChannelSubscribers, countShardSubscribers, emitWithAck, global, namespace, site, startCaddys } from './lib/cluster.js';

for (const dialect of ['', 'sharded']) {
	describe(`life ${dialect}`, { skip: redisMissing, timeout: 60_000 }, () => {
		let redis;
		let nodes;
		let client;
		// With channels for rooms, a node is subscribed a moment after a socket joined.
		const hears = async (room, servers, key = 'socket.io') => {
			if (dialect) await awaitCondition(async () => await countShardSubscribers(client, `${key}#/#${room}#`) === servers, `${servers} hear ${room}`);
		};
		const count = (key = 'socket.io') => (dialect ? countShardSubscribers(client, `${key}#/#`) : countChannelSubscribers(client, `${key}-request#/#`));

		before(async () => {
			redis = await Redis.start();
			client = new Client(redis.port);
			client.on('error', () => {}); // it reconnects
			nodes = await startCaddys(redis, 2, dialect);
		});
		after(async () => {
			await Promise.all((nodes ?? []).map((n) => n.stop()));
			client?.disconnect();
			await redis?.stop();
		});

		const connections = async () => (await client.client('LIST')).split('\n').filter((line) => line.includes('name=caddy-socketio'))
			.map((line) => line.match(/id=(\d+)/)[1]).sort();

		it('keeps its connections over a reload, and loses nothing', async (t) => {
			const [a, b] = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			await emitWithAck(a, 'join', 'r');
			await hears('r', 1);
			const before = await connections();
			let sent = 0;
			const timer = setInterval(() => b.emit('to', 'r', sent++), 2);
			t.after(() => clearInterval(timer));
			const counted = sampleCounts(count);
			for (let i = 0; i < 5; i++) await nodes[0].reload(`${site}\nheader X-Reload ${i}`);
			clearInterval(timer);
			assert.deepEqual(await counted(), [2]);
			assert.deepEqual(await awaitMessages(a, sent), Array.from({ length: sent }, (_, i) => i));
			assert.deepEqual(await connections(), before);
		});

		it('goes on when Redis is killed under load', async (t) => {
			const connectAll = () => Promise.all(nodes.map((n) => connectSocket(t, n)));
			const settled = () => awaitCondition(async () => await count().catch(() => 0) === 2, 'both are there');
			await assertRedisKillsSurvived(t, { redis, sockets: await connectAll(), near: await connectAll(), settled, pause: 1 });
		});

		it('moves to another key with the config, and back', async (t) => {
			const [a, b] = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			await emitWithAck(a, 'join', 'moved');
			const { global: former } = nodes[0];
			nodes[0].global = global(redis, `key other\n${dialect}`);
			await nodes[0].reload(site);
			await awaitCondition(async () => await count('other') === 1 && await count() === 1, 'the move');
			b.emit('to', 'moved', 'not heard');
			nodes[0].global = former;
			await nodes[0].reload(site);
			await awaitCondition(async () => await count('other') === 0 && await count() === 2, 'the move back');
			await hears('moved', 1);
			b.emit('to', 'moved', 'heard');
			assert.deepEqual(await awaitMessages(a, 1), ['heard']);
			await awaitCondition(async () => (await connections()).length === 4, 'old connections are closed');
		});

		it('keeps hubs apart', async (t) => {
			const hub = (name) => `socketio {\nhub ${name}\n${namespace('/')}}\n`;
			const others = await Promise.all([1, 2].map(() => Caddy.start(hub('second'), { global: global(redis, dialect) })));
			t.after(() => Promise.all(others.map((n) => n.stop())));
			await awaitCondition(async () => await count('socket.io:second') === 2, 'the hubs join');
			const [a, b, c] = await Promise.all([...others, nodes[0]].map((n) => connectSocket(t, n)));
			await emitWithAck(b, 'join', 'r');
			await emitWithAck(c, 'join', 'r');
			await hears('r', 1, 'socket.io:second');
			await hears('r', 1);
			a.emit('to', 'r', 'second hub');
			assert.deepEqual(await awaitMessages(b, 1), ['second hub']);
			const d = await connectSocket(t, nodes[1]);
			d.emit('to', 'r', 'default hub');
			assert.deepEqual(await awaitMessages(c, 1), ['default hub']);
			assert.equal(b.got.length, 1);
		});

		it('counts what is dropped, and says why', async (t) => {
			const [a] = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			const state = async () => (await nodes[0].get('/socketio/')).body.hubs[0].cluster;
			const metric = async (name) => Number((await nodes[0].get('/metrics')).body
				.match(new RegExp(`^caddy_socketio_cluster_${name}{adapter="redis",hub="default"} (.*)$`, 'm'))[1]);
			await awaitCondition(async () => (await state()).connected, 'the cluster is well');
			assert.equal(await metric('connected'), 1);
			const dropped = await metric('dropped_total');
			await client.call('ACL', 'SETUSER', 'default', '-publish', '-spublish');
			a.emit('to', 'anybody', 'refused');
			await awaitCondition(async () => await metric('dropped_total') === dropped + 1, 'it is dropped');
			const { connected, error } = await state();
			assert.deepEqual([connected, await metric('connected')], [false, 0]);
			assert.match(error, /NOPERM/);
			await client.call('ACL', 'SETUSER', 'default', '+@all');
			await client.call(dialect ? 'SPUBLISH' : 'PUBLISH', 'socket.io#/#', 'nonsense');
			a.emit('to', 'anybody', 'taken');
			await awaitCondition(async () => (await state()).connected && await metric('malformed_total') === 1, 'all is well, and nonsense counted');
		});

		it('starts without Redis, and joins when it comes', async (t) => {
			await redis.down();
			const late = await Caddy.start(site, { global: global(redis, dialect) });
			t.after(() => late.stop());
			const [a, b] = await Promise.all([connectSocket(t, late), connectSocket(t, nodes[0])]);
			await emitWithAck(a, 'join', 'late');
			await emitWithAck(b, 'join', 'late');
			await redis.up();
			await awaitCondition(async () => await count() === 3, 'all join');
			await hears('late', 2);
			b.emit('to', 'late', 'hello');
			assert.deepEqual(await awaitMessages(a, 1), ['hello']);
		});
	});
}
