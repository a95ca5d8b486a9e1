// Members, counts and occupied rooms of several nodes, one of which is killed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Caddy } from '../e2e/lib/caddy.js';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { awaitCondition, emitWithAck } from './lib/cluster.js';
import { Inbox } from '../e2e/lib/clients.js';
import { awaitConnect } from '../e2e/lib/cluster-sockets.js';
import { withDeadline } from '../e2e/lib/time.js';
import { io } from 'socket.io-client';

const site = `socketio {
	namespace / {
		presence lobby {
			key   {socket.auth.key}
			join  joined
			leave left
			grace 500ms
		}
		on join {
			join {event.args.0}
			ack
		}
		on leave {
			leave {event.args.0}
			ack
		}
		on list {
			members lobby
		}
		on count {
			ack {cluster.room.lobby.size} {cluster.namespace.size}
		}
		on room_occupied room_vacated lobby {
			in watchers emit change {event.name}
		}
	}
}`;

const dialects = { classic: (url) => `cluster redis ${url}`, sharded: (url) => `cluster redis ${url} {\nsharded\n}`, streams: (url) => `cluster redis_streams ${url}` };

describe('presence', { skip: redisMissing, timeout: 120_000, concurrency: true }, () => {
	for (const [name, cluster] of Object.entries(dialects)) describe(name, () => {
		let redis;
		let nodes;
		before(async () => {
			redis = await Redis.start();
			const start = () => Caddy.start(site, { global: `socketio {\n${cluster(redis.url)}\n}` });
			nodes = [await start(), await start(), await start()];
		});
		after(async () => {
			await Promise.all((nodes ?? []).map((n) => n.stop()));
			await redis?.stop();
		});

		const connectAs = async (t, node, key) => {
			const socket = io(node.url, { forceNew: true, reconnection: false, transports: ['websocket'], auth: { key } });
			t.after(() => socket.close());
			await awaitConnect(socket);
			return socket;
		};

		it('shows the same on all nodes, also after one was killed', async (t) => {
			const list = async (socket) => {
				const [members, total] = await new Promise((resolve) => socket.emit('list', (...args) => resolve(args)));
				assert.equal(total, members.length);
				return members.map(({ key }) => key).join();
			};
			const count = (socket) => new Promise((resolve) => socket.emit('count', (...args) => resolve(args.join())));
			const [ada, bob, eve] = await Promise.all(['ada', 'bob', 'eve'].map((key, i) => connectAs(t, nodes[i], key)));
			const [joined, left, changes] = ['joined', 'left', 'change'].map((event) => new Inbox(bob, event));
			await emitWithAck(bob, 'join', 'watchers');
			for (const socket of [bob, ada, eve]) await emitWithAck(socket, 'join', 'lobby');
			for (const socket of [ada, bob, eve]) {
				await awaitCondition(async () => await list(socket) === 'ada,bob,eve', 'all nodes have the list');
				await awaitCondition(async () => await count(socket) === '3,3', 'all nodes have the counts');
			}
			await joined.has(2);
			await changes.has(1);

			const gone = [bob, eve].map((socket) => new Promise((resolve) => socket.once('left', resolve)));
			await nodes[0].kill(); // the first one, which leads
			await withDeadline(Promise.all(gone), 'end of the lease of a killed node', 20_000);
			for (const socket of [bob, eve]) {
				assert.equal(await list(socket), 'bob,eve');
				assert.equal(await count(socket), '2,2');
			}
			await emitWithAck(bob, 'leave', 'lobby');
			await emitWithAck(eve, 'leave', 'lobby');
			await changes.has(2);
			assert.deepEqual(changes.all, [['room_occupied'], ['room_vacated']]);
			assert.deepEqual(left.all.map(([member]) => member.key).slice(0, 1), ['ada']);
			assert.deepEqual(joined.all.map(([member]) => member.key).sort(), ['ada', 'eve']);
		});
	});
});
