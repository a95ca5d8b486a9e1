// Caddys and Socket.IO servers on Node.js that share a Redis stream, and clients of
// theirs.

import { once as eventOf } from 'node:events';
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import Client from 'ioredis';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { Caddy } from '../../e2e/lib/caddy.js';
import { withDeadline } from '../../e2e/lib/time.js';
import { awaitCondition, awaitConnect, collectMessages, countSubscribers } from '../../e2e/lib/cluster-sockets.js';
import { Balancer } from '../../e2e/lib/balancer.js';

export { awaitCondition, awaitMessages, emitWithAck } from '../../e2e/lib/cluster-sockets.js';

// The namespaces of the tests, in Caddy. A socket that recovers is not greeted again.
const rules = `
	on connect {
		emit hello
	}
	on join {
		join {event.args.0}
		ack
	}
	on to {
		emit msg {event.args.1} {
			to {event.args.0}
		}
	}
	on set {
		set name {event.args.0}
		ack
	}
	on data {
		ack {socket.data.name}
	}
	on rooms {
		ack {socket.rooms}
	}
`;

export const namespace = (name) => `namespace ${name} {${rules}}\n`;
export const site = (settings = '') => `socketio {\n${settings}\n${namespace('/')}${namespace('/chat')}}\n`;
export const global = (redis, settings = '') => `socketio {\n\tcluster redis_streams ${redis.url} {\n${settings}\n}\n}`;

// startCaddys starts Caddys that are nodes of the cluster.
export async function startCaddys(redis, count, { settings = '', cluster = '', channel = 'socket.io#/#' } = {}) {
	const client = new Client(redis.port);
	try {
		const before = await countChannelSubscribers(client, channel);
		const all = await Promise.all(Array.from({ length: count }, () => Caddy.start(site(settings), { global: global(redis, cluster) })));
		await awaitCondition(async () => await countChannelSubscribers(client, channel) >= before + count, `${count} Caddys are subscribed`);
		return all;
	} finally {
		client.disconnect();
	}
}

// countChannelSubscribers counts the nodes that Redis knows.
export const countChannelSubscribers = (client, channel = 'socket.io#/#') => countSubscribers(client, channel);

// clients make a connection to Redis, by one of the libraries in use.
const clients = {
	ioredis: (redis) => new Client(redis.port),
	async redis(redis) {
		const client = createClient({ url: redis.url });
		await client.connect();
		return client;
	},
};

export class Node {
	errors = []; // of the connection to Redis

	// start starts a server that uses that library.
	static async start(redis, { kind = 'ioredis', recovery = false } = {}) {
		const node = new Node();
		node.redis = await clients[kind](redis);
		node.redis.on('error', (error) => node.errors.push(error));
		const server = createServer();
		node.io = new Server(server, {
			adapter: createAdapter(node.redis, { blockTimeInMs: 500 }),
			...(recovery ? { connectionStateRecovery: {} } : {}),
		});
		for (const name of ['/', '/chat']) handleEvents(node.io.of(name));
		server.listen(0, '127.0.0.1');
		await eventOf(server, 'listening');
		node.url = `http://127.0.0.1:${server.address().port}`;
		return node;
	}

	// sees waits until the node counts so many nodes in the cluster.
	async sees(count) {
		await awaitCondition(async () => await this.io.of('/').adapter.serverCount() === count, `${count} servers`);
	}

	async stop() {
		await new Promise((resolve) => this.io.close(resolve));
		await (this.redis.disconnect() ?? undefined);
	}
}

// handleEvents handles the events that the tests need, as the rules do.
function handleEvents(nsp) {
	nsp.on('connection', (socket) => {
		if (!socket.recovered) socket.emit('hello');
		socket.on('join', (room, ack) => {
			socket.join(room);
			ack();
		});
		socket.on('to', (room, message) => socket.to(room).emit('msg', message));
		socket.on('set', (name, ack) => {
			socket.data.name = name;
			ack();
		});
		socket.on('data', (ack) => ack(socket.data.name));
		socket.on('rooms', (ack) => ack([...socket.rooms]));
	});
}

// connectSocket resolves to a connected socket that got hello, and closes with the test.
export async function connectSocket(t, server, { name = '/' } = {}) {
	const socket = collectMessages(t, io(server.url + name, { forceNew: true, reconnection: false, transports: ['websocket'] }));
	const greeted = new Promise((resolve) => socket.once('hello', resolve));
	await awaitConnect(socket);
	await withDeadline(greeted, 'hello');
	return socket;
}

// connectThroughBalancer resolves to a connected socket behind a balancer, which the test makes reconnect.
export async function connectThroughBalancer(t, server, { name = '/', transports = ['websocket'] } = {}) {
	const balancer = await Balancer.start(t, server);
	const socket = collectMessages(t, io(balancer.url + name, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 20, transports }));
	await withDeadline(Promise.all([new Promise((resolve) => socket.once('hello', resolve)), new Promise((resolve) => socket.once('connect', resolve))]), 'connect');
	return { balancer, socket };
}
