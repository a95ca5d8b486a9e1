// Caddys that share a Redis, and clients of theirs.

import { createRequire } from 'node:module';
import Client from 'ioredis';
import { io } from 'socket.io-client';
import { Caddy } from '../../e2e/lib/caddy.js';
import { collect, connected, eventually, subscribersOf } from '../../e2e/lib/together.js';

export { call, eventually, has } from '../../e2e/lib/together.js';

const io2 = createRequire(import.meta.url)('socket.io-client-2');

// rules are what the namespaces of the tests do.
const rules = `
	on join {
		join {event.args.0}
		ack
	}
	on to {
		emit msg {event.args.1} {
			to {event.args.0}
		}
	}
	on rooms {
		ack {socket.rooms}
	}
`;

export const namespace = (name) => `namespace ${name} {${rules}}\n`;
export const site = `socketio {\n${namespace('/')}${namespace('/org-*')}}\n`;
export const global = (redis, settings = '') => `socketio {\n\tcluster redis ${redis.url} {\n${settings}\n}\n}`;

// caddys starts Caddys that are nodes of the cluster.
export async function caddys(redis, count, settings = '') {
	const all = await Promise.all(Array.from({ length: count }, () => Caddy.start(site, { global: global(redis, settings) })));
	const client = new Client(redis.port);
	try {
		const now = () => (settings.includes('sharded') ? shardSubscribers(client, 'socket.io#/#') : subscribers(client));
		await eventually(async () => await now() >= count, `${count} Caddys are subscribed`);
	} finally {
		client.disconnect();
	}
	return all;
}

// subscribers is how many nodes Redis counts.
export const subscribers = (client, channel = 'socket.io-request#/#') => subscribersOf(client, channel);

// shardSubscribers is how many are subscribed to a channel of sharded pub/sub.
export const shardSubscribers = (client, channel) => subscribersOf(client, channel, 'SHARDNUMSUB');

// connect is a connected socket that ends with the test.
export async function connect(t, server, { version = 4, namespace = '/' } = {}) {
	const socket = collect(t, (version === 2 ? io2 : io)(server.url + namespace, { forceNew: true, reconnection: false, transports: ['websocket'] }));
	await connected(socket);
	return socket;
}
