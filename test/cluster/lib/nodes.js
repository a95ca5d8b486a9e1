// Socket.IO servers on Node.js, of several generations, as nodes of the cluster.

import { once as eventOf } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import IORedis from 'ioredis';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { deadlineMs } from '../../e2e/lib/time.js';

const require = createRequire(import.meta.url);
const Server2 = require('socket.io-2');
const adapter2 = require('socket.io-redis');

// generations are servers of Socket.IO 4 with the adapters of their time.
export const generations = {
	'4.8 with adapter 8': { Server, createAdapter },
	...Object.fromEntries(['static', 'dynamic', 'dynamic-private'].map((subscriptionMode) => [
		`4.8 sharded ${subscriptionMode}`,
		{ Server, createAdapter: (...clients) => createShardedAdapter(...clients, { subscriptionMode }) },
	])),
	'4.5 with adapter 7': { Server: require('socket.io-4.5').Server, createAdapter: require('redis-adapter-7').createAdapter },
	'4.0 with adapter 6': {
		Server: require('socket.io-4.0').Server,
		createAdapter: (pubClient, subClient) => require('socket.io-redis-6').createAdapter({ pubClient, subClient }),
	},
};

// connections are two connections to Redis, by one of the clients in use. A
// malformed message makes ioredis throw where it cannot be caught: a process that
// runs this test ends then.
const connections = {
	ioredis(redis) {
		const clients = [new IORedis(redis.port), new IORedis(redis.port)];
		const close = () => {
			const closed = clients.map((client) => client.quit());
			// The Admin UI of a closed server may send one more command, and nothing handles its error.
			for (const client of clients) client.sendCommand = async () => 0;
			return Promise.all(closed);
		};
		return { clients, close };
	},
	async redis(redis) {
		const clients = [createClient({ url: redis.url }), createClient({ url: redis.url })];
		await Promise.all(clients.map((client) => client.connect()));
		return { clients, close: () => Promise.all(clients.map((client) => client.quit())) };
	},
};

// handleEvents handles the few events that the tests need.
function handleEvents(namespace) {
	namespace.on('connection', (socket) => {
		socket.on('join', (room, ack) => {
			socket.join(room);
			ack();
		});
		socket.on('to', (room, message) => socket.to(room).emit('msg', message));
		socket.on('rooms', (ack) => ack([...(socket.rooms instanceof Set ? socket.rooms : Object.keys(socket.rooms))]));
	});
}

export class Node {
	errors = []; // of the connections to Redis

	// start starts a server of Socket.IO 4 that uses that client of Redis.
	static async start(redis, kind = 'ioredis', generation = '4.8 with adapter 8') {
		const node = new Node();
		const { Server, createAdapter } = generations[generation];
		const { clients, close } = await connections[kind](redis);
		for (const client of clients) client.on('error', (error) => node.errors.push(error));
		node.close = close;
		const server = createServer();
		node.io = new Server(server, { adapter: createAdapter(...clients) });
		handleEvents(node.io);
		await node.#listen(server);
		return node;
	}

	// startOld starts a server of Socket.IO 2.
	static async startOld(redis) {
		const node = new Node();
		const server = createServer();
		node.io = new Server2(server);
		node.io.adapter(adapter2({ host: '127.0.0.1', port: redis.port }));
		handleEvents(node.io.of('/'));
		const { pubClient, subClient } = node.io.of('/').adapter;
		for (const client of [pubClient, subClient]) client.on('error', (error) => node.errors.push(error));
		node.close = () => [pubClient, subClient].forEach((client) => client.quit());
		await node.#listen(server);
		return node;
	}

	async #listen(server) {
		server.listen(0, '127.0.0.1');
		await eventOf(server, 'listening');
		this.url = `http://127.0.0.1:${server.address().port}`;
	}

	// ask calls a method of the adapter that takes a callback.
	ask(method, ...args) {
		return new Promise((resolve, reject) => {
			this.adapter[method](...args, (error, answer) => (error ? reject(error) : resolve(answer)));
		});
	}

	get adapter() {
		return this.io.of('/').adapter;
	}

	// sees waits until the node counts so many nodes in the cluster.
	async sees(count) {
		const deadline = Date.now() + deadlineMs;
		let now;
		do now = await (this.adapter.serverCount ?? this.adapter.getNumSub).call(this.adapter); while (now !== count && Date.now() < deadline);
		if (now !== count) throw new Error(`the server sees ${now}, not ${count}`);
	}

	async stop() {
		await new Promise((resolve) => this.io.close(resolve));
		await this.close();
	}
}
