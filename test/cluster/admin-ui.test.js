// The Admin UI in a cluster of two Caddys and a server of Node.js: a viewer of each kind
// sees the sockets of all, and reaches them.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { instrument } from '@socket.io/admin-ui';
import { io } from 'socket.io-client';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { Caddy } from '../e2e/lib/caddy.js';
import { awaitConnect } from '../e2e/lib/cluster-sockets.js';
import { awaitEvent } from '../e2e/lib/time.js';
import { awaitCondition, connectSocket, global } from './lib/cluster.js';
import { Node } from './lib/nodes.js';

const require = createRequire(import.meta.url);
const password = require('bcryptjs').hashSync('secret', 4);
const auth = { username: 'ada', password: 'secret' };
const site = `socketio {
	admin_ui {
		username ada
		password ${password}
	}
}
`;

// A viewer keeps what the web app gets.
class Viewer {
	sockets = new Map();
	servers = new Set();

	static async open(t, node) {
		const viewer = new Viewer();
		viewer.socket = io(`${node.url}/admin`, { auth, forceNew: true, reconnection: false, transports: ['websocket'] });
		t.after(() => viewer.socket.close());
		viewer.socket.on('server_stats', ({ serverId }) => viewer.servers.add(serverId));
		viewer.socket.on('all_sockets', (list) => list.forEach((s) => viewer.sockets.set(s.id, s)));
		viewer.socket.on('socket_connected', (s) => viewer.sockets.set(s.id, s));
		viewer.socket.on('socket_disconnected', (nsp, id) => viewer.sockets.delete(id));
		viewer.socket.on('room_joined', (nsp, room, id) => viewer.sockets.get(id)?.rooms.push(room));
		viewer.socket.on('room_left', (nsp, room, id) => {
			const socket = viewer.sockets.get(id);
			if (socket) socket.rooms = socket.rooms.filter((r) => r !== room);
		});
		await awaitConnect(viewer.socket);
		return viewer;
	}

	isIn = (id, room) => this.sockets.get(id)?.rooms.includes(room) ?? false;
}

describe('the Admin UI in a cluster', { skip: redisMissing, timeout: 60_000 }, () => {
	let redis;
	let nodes = [];

	before(async () => {
		redis = await Redis.start();
		const node = await Node.start(redis);
		instrument(node.io, { auth: { type: 'basic', username: 'ada', password }, mode: 'development' });
		nodes = [node];
		for (let i = 0; i < 2; i++) nodes.push(await Caddy.start(site, { global: global(redis) }));
		await node.sees(3);
		await awaitCondition(async () => await node.io.of('/admin').adapter.serverCount() === 3, 'three servers');
	});
	after(async () => {
		await Promise.all(nodes.map((n) => n.stop()));
		await redis?.stop();
	});

	it('the inspector finds the sockets of all nodes', async (t) => {
		const inspect = async (id) => (await nodes[1].get(`/socketio/socket?id=${id}`)).body;
		const sockets = await Promise.all(nodes.map((n) => connectSocket(t, n)));
		const ids = sockets.map(({ id }) => id);
		const found = await Promise.all(ids.map(inspect));
		assert.deepEqual(found.map(({ state, id }) => [state, id]), ids.map((id) => ['connected', id]));
		assert.equal(found[0].node, '');
		assert.notEqual(found[1].node, found[2].node);
		assert.ok(found[2].queues);
		sockets[2].disconnect();
		await awaitCondition(async () => (await inspect(ids[2])).close?.reason === 'client namespace disconnect', 'the record of the other node');
	});

	for (const [kind, viewed] of [['Node.js', 0], ['Caddy', 1]]) {
		it(`shows a viewer of ${kind} the sockets of all nodes`, async (t) => {
			const early = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			const viewer = await Viewer.open(t, nodes[viewed]);
			await awaitCondition(() => early.every(({ id }) => viewer.sockets.has(id)), 'sockets that were connected before');
			for (const socket of early) {
				const shown = viewer.sockets.get(socket.id);
				assert.equal(shown.clientId, socket.io.engine.id.slice(0, 12));
				assert.equal(shown.transport, 'websocket');
				assert.equal('_admin' in shown.data, false);
			}
			await awaitCondition(() => viewer.servers.size === 3, 'three servers');

			const late = await Promise.all(nodes.map((n) => connectSocket(t, n)));
			await awaitCondition(() => late.every(({ id }) => viewer.sockets.has(id)), 'sockets that connected later');
			for (const socket of late) {
				viewer.socket.emit('join', '/', 'attic', socket.id);
				await awaitCondition(() => viewer.isIn(socket.id, 'attic'), 'the join');
			}
			viewer.socket.emit('leave', '/', 'attic', late[2].id);
			await awaitCondition(() => !viewer.isIn(late[2].id, 'attic'), 'the leave');
			const closed = late.slice(0, 2).map((socket) => awaitEvent(socket, 'disconnect'));
			viewer.socket.emit('_disconnect', '/', false, 'attic');
			for (const [reason] of await Promise.all(closed)) assert.equal(reason, 'io server disconnect');
			await awaitCondition(() => late.slice(0, 2).every(({ id }) => !viewer.sockets.has(id)), 'the disconnects');
			assert.equal(late[2].connected, true);
			late[2].disconnect();
			await awaitCondition(() => !viewer.sockets.has(late[2].id), 'the last disconnect');
		});
	}
});
