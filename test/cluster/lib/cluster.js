// Caddys that share a Redis, and clients of theirs.

import { createRequire } from 'node:module';
import Client from 'ioredis';
import { io } from 'socket.io-client';
import { Caddy } from '../../e2e/lib/caddy.js';
import { awaitCondition, awaitConnect, collectMessages, countSubscribers } from '../../e2e/lib/cluster-sockets.js';

export { awaitCondition, awaitMessages, emitWithAck } from '../../e2e/lib/cluster-sockets.js';

const io2 = createRequire(import.meta.url)('socket.io-client-2');

// rules are the rules of the tests' namespaces.
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

// startCaddys starts Caddys that are nodes of the cluster.
export async function startCaddys(redis, count, settings = '') {
	const all = await Promise.all(Array.from({ length: count }, () => Caddy.start(site, { global: global(redis, settings) })));
	const client = new Client(redis.port);
	try {
		const now = () => (settings.includes('sharded') ? countShardSubscribers(client, 'socket.io#/#') : countChannelSubscribers(client));
		await awaitCondition(async () => await now() >= count, `${count} Caddys are subscribed`);
	} finally {
		client.disconnect();
	}
	return all;
}

// countChannelSubscribers counts the nodes that Redis knows.
export const countChannelSubscribers = (client, channel = 'socket.io-request#/#') => countSubscribers(client, channel);

// countShardSubscribers counts the subscribers of a channel of sharded pub/sub.
export const countShardSubscribers = (client, channel) => countSubscribers(client, channel, 'SHARDNUMSUB');

// connectSocket resolves to a connected socket that closes with the test.
export async function connectSocket(t, server, { version = 4, namespace = '/' } = {}) {
	const socket = collectMessages(t, (version === 2 ? io2 : io)(server.url + namespace, { forceNew: true, reconnection: false, transports: ['websocket'] }));
	await awaitConnect(socket);
	return socket;
}
