// Caddys that share a Redis, and clients of theirs.

import { createRequire } from 'node:module';
import Client from 'ioredis';
import { io } from 'socket.io-client';
import { Caddy } from '../../e2e/lib/caddy.js';
import { patience, within } from '../../e2e/lib/time.js';

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
export async function subscribers(client, channel = 'socket.io-request#/#') {
	return Number((await client.pubsub('NUMSUB', channel))[1]);
}

// shardSubscribers is how many are subscribed to a channel of sharded pub/sub.
export async function shardSubscribers(client, channel) {
	return Number((await client.pubsub('SHARDNUMSUB', channel))[1]);
}

// eventually waits until the condition holds.
export async function eventually(condition, what) {
	const deadline = Date.now() + patience;
	while (!await condition()) {
		if (Date.now() > deadline) throw new Error(`${what}: not within ${patience} ms`);
		await new Promise(setImmediate);
	}
}

// connect is a connected socket that ends with the test.
export async function connect(t, server, { version = 4, namespace = '/' } = {}) {
	const socket = (version === 2 ? io2 : io)(server.url + namespace, { forceNew: true, reconnection: false, transports: ['websocket'] });
	t.after(() => socket.close());
	await within(new Promise((resolve, reject) => {
		socket.on('connect', resolve);
		socket.on('connect_error', reject);
	}), 'connect');
	socket.got = [];
	socket.on('msg', (...args) => socket.got.push(args));
	return socket;
}

// call emits an event and is what is acknowledged.
export function call(socket, ...args) {
	return within(new Promise((resolve) => socket.emit(...args, resolve)), `ack of ${args[0]}`);
}

// has waits until a socket got so many messages, and is their first arguments.
export async function has(socket, count) {
	await within(new Promise((resolve) => {
		const look = () => socket.got.length >= count && resolve();
		socket.on('msg', look);
		look();
	}), `${count} messages, not ${socket.got.length}`);
	return socket.got.map(([first]) => first);
}
