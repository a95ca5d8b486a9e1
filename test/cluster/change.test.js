// A reload may change the engine of the cluster, and its settings, under sockets that
// stay.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Client from 'ioredis';
import { Caddy } from '../e2e/lib/caddy.js';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { awaitCondition, connectSocket, emitWithAck, site } from './lib/cluster.js';

describe('a change of the cluster', { skip: redisMissing, timeout: 60_000 }, () => {
	let redis;
	let client;
	let nodes;

	before(async () => {
		redis = await Redis.start();
		client = new Client(redis.port);
		nodes = await Promise.all([1, 2].map(() => Caddy.start(site)));
	});
	after(async () => {
		await Promise.all((nodes ?? []).map((n) => n.stop()));
		client?.disconnect();
		await redis?.stop();
	});

	const connections = async () => (await client.client('LIST')).split('\n').filter((line) => line.includes('name=caddy-socketio')).length;
	// Each engine, and how many connections it has.
	const clusters = [
		['redis URL', 2], ['redis_streams URL', 3], ['redis URL {\nsharded\n}', 2], ['', 0], ['redis URL', 2], ['redis URL {\nsharded dynamic-private\n}', 2],
		['redis redis://127.0.0.1:1', 0], ['redis URL {\nkey other\n}', 2], ['redis_streams URL {\nstream other\n}', 3], ['', 0], ['redis URL {\nsharded static\n}', 2],
	];

	it('keeps sockets, rooms, and no connections of before', async (t) => {
		const sockets = await Promise.all(nodes.map((n) => connectSocket(t, n)));
		const lost = [];
		for (const socket of sockets) {
			socket.on('disconnect', (reason) => lost.push(reason));
			await emitWithAck(socket, 'join', 'r');
		}
		for (const [i, [cluster, count]] of clusters.entries()) {
			for (const n of nodes) {
				n.global = `socketio {\n${cluster && `cluster ${cluster.replace('URL', redis.url)}`}\n}`;
				await n.reload(site);
			}
			for (const [from, to] of count > 0 ? [[0, 1], [1, 0]] : []) {
				const heard = () => sockets[to].got.some(([said]) => said === `${i} from ${from}`);
				await awaitCondition(async () => {
					sockets[from].emit('to', 'r', `${i} from ${from}`);
					await emitWithAck(sockets[from], 'rooms');
					return heard();
				}, `${cluster}: they hear each other`);
			}
			await awaitCondition(async () => await connections() === 2 * count, `${cluster}: ${2 * count} connections`);
		}
		assert.deepEqual(lost, []);
		for (const socket of sockets) assert.deepEqual(await emitWithAck(socket, 'rooms'), [socket.id, 'r']);
	});
});
