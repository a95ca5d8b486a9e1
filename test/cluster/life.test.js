// What happens to the cluster when configs and Redis come and go.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Client from 'ioredis';
import { Caddy } from '../e2e/lib/caddy.js';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { watch } from '../e2e/lib/time.js';
import { survivesKills } from '../e2e/lib/together.js';
import { caddys, call, connect, eventually, global, has, namespace, shardSubscribers, site, subscribers } from './lib/cluster.js';

for (const dialect of ['', 'sharded']) {
	describe(`life ${dialect}`, { skip: redisMissing, timeout: 60_000 }, () => {
		let redis;
		let nodes;
		let client;
		// With channels for rooms, a server hears a room a moment after somebody joined.
		const hears = async (room, servers, key = 'socket.io') => {
			if (dialect) await eventually(async () => await shardSubscribers(client, `${key}#/#${room}#`) === servers, `${servers} hear ${room}`);
		};
		const count = (key = 'socket.io') => (dialect ? shardSubscribers(client, `${key}#/#`) : subscribers(client, `${key}-request#/#`));

		before(async () => {
			redis = await Redis.start();
			client = new Client(redis.port);
			client.on('error', () => {}); // it reconnects
			nodes = await caddys(redis, 2, dialect);
		});
		after(async () => {
			await Promise.all((nodes ?? []).map((n) => n.stop()));
			client?.disconnect();
			await redis?.stop();
		});

		const connections = async () => (await client.client('LIST')).split('\n').filter((line) => line.includes('name=caddy-socketio'))
			.map((line) => line.match(/id=(\d+)/)[1]).sort();

		it('keeps its connections over a reload, and loses nothing', async (t) => {
			const [a, b] = await Promise.all(nodes.map((n) => connect(t, n)));
			await call(a, 'join', 'r');
			await hears('r', 1);
			const before = await connections();
			let sent = 0;
			const timer = setInterval(() => b.emit('to', 'r', sent++), 2);
			t.after(() => clearInterval(timer));
			const counted = watch(count);
			for (let i = 0; i < 5; i++) await nodes[0].reload(`${site}\nheader X-Reload ${i}`);
			clearInterval(timer);
			assert.deepEqual(await counted(), [2]);
			assert.deepEqual(await has(a, sent), Array.from({ length: sent }, (_, i) => i));
			assert.deepEqual(await connections(), before);
		});

		it('goes on when Redis is killed under load', async (t) => {
			const connectAll = () => Promise.all(nodes.map((n) => connect(t, n)));
			const settled = () => eventually(async () => await count().catch(() => 0) === 2, 'both are there');
			await survivesKills(t, { redis, sockets: await connectAll(), near: await connectAll(), settled, pause: 1 });
		});

		it('moves to another key with the config, and back', async (t) => {
			const [a, b] = await Promise.all(nodes.map((n) => connect(t, n)));
			await call(a, 'join', 'moved');
			const { global: former } = nodes[0];
			nodes[0].global = global(redis, `key other\n${dialect}`);
			await nodes[0].reload(site);
			await eventually(async () => await count('other') === 1 && await count() === 1, 'the move');
			b.emit('to', 'moved', 'not heard');
			nodes[0].global = former;
			await nodes[0].reload(site);
			await eventually(async () => await count('other') === 0 && await count() === 2, 'the move back');
			await hears('moved', 1);
			b.emit('to', 'moved', 'heard');
			assert.deepEqual(await has(a, 1), ['heard']);
			await eventually(async () => (await connections()).length === 4, 'old connections are closed');
		});

		it('keeps hubs apart', async (t) => {
			const hub = (name) => `socketio {\nhub ${name}\n${namespace('/')}}\n`;
			const others = await Promise.all([1, 2].map(() => Caddy.start(hub('second'), { global: global(redis, dialect) })));
			t.after(() => Promise.all(others.map((n) => n.stop())));
			await eventually(async () => await count('socket.io:second') === 2, 'the hubs join');
			const [a, b, c] = await Promise.all([...others, nodes[0]].map((n) => connect(t, n)));
			await call(b, 'join', 'r');
			await call(c, 'join', 'r');
			await hears('r', 1, 'socket.io:second');
			await hears('r', 1);
			a.emit('to', 'r', 'second hub');
			assert.deepEqual(await has(b, 1), ['second hub']);
			const d = await connect(t, nodes[1]);
			d.emit('to', 'r', 'default hub');
			assert.deepEqual(await has(c, 1), ['default hub']);
			assert.equal(b.got.length, 1);
		});

		it('counts what is dropped, and says why', async (t) => {
			const [a] = await Promise.all(nodes.map((n) => connect(t, n)));
			const state = async () => (await nodes[0].get('/socketio/')).body.hubs[0].cluster;
			const metric = async (name) => Number((await nodes[0].get('/metrics')).body
				.match(new RegExp(`^caddy_socketio_cluster_${name}{adapter="redis",hub="default"} (.*)$`, 'm'))[1]);
			await eventually(async () => (await state()).connected, 'the cluster is well');
			assert.equal(await metric('connected'), 1);
			const dropped = await metric('dropped_total');
			await client.call('ACL', 'SETUSER', 'default', '-publish', '-spublish');
			a.emit('to', 'anybody', 'refused');
			await eventually(async () => await metric('dropped_total') === dropped + 1, 'it is dropped');
			const { connected, error } = await state();
			assert.deepEqual([connected, await metric('connected')], [false, 0]);
			assert.match(error, /NOPERM/);
			await client.call('ACL', 'SETUSER', 'default', '+@all');
			await client.call(dialect ? 'SPUBLISH' : 'PUBLISH', 'socket.io#/#', 'nonsense');
			a.emit('to', 'anybody', 'taken');
			await eventually(async () => (await state()).connected && await metric('malformed_total') === 1, 'all is well, and nonsense counted');
		});

		it('starts without Redis, and joins when it comes', async (t) => {
			await redis.down();
			const late = await Caddy.start(site, { global: global(redis, dialect) });
			t.after(() => late.stop());
			const [a, b] = await Promise.all([connect(t, late), connect(t, nodes[0])]);
			await call(a, 'join', 'late');
			await call(b, 'join', 'late');
			await redis.up();
			await eventually(async () => await count() === 3, 'all join');
			await hears('late', 2);
			b.emit('to', 'late', 'hello');
			assert.deepEqual(await has(a, 1), ['hello']);
		});
	});
}
