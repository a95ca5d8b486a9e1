// The nodes that programs run on: Caddys, alone or in a cluster, and Node.js servers
// with the official adapters, which all do the same with the events of clients.

import assert from 'node:assert/strict';
import { once as eventOf } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { Caddy } from '../../e2e/lib/caddy.js';
import { Redis } from '../../e2e/lib/redis.js';
import { awaitCondition } from '../../e2e/lib/cluster-sockets.js';

const from = (suite) => createRequire(new URL(`../../${suite}/`, import.meta.url));
const { Server } = from('e2e')('socket.io');
const { createAdapter, createShardedAdapter } = from('e2e')('@socket.io/redis-adapter');
const { createAdapter: createStreamsAdapter } = from('streams')('@socket.io/redis-streams-adapter');
const { Emitter } = from('e2e')('@socket.io/redis-emitter');
const IORedis = from('e2e')('ioredis');

// rules are the events of the programs. The first two arguments of an event that emits
// are the message: the name of its emitter, and its number.
const rules = `
	on join {
		join {event.args.0}
		ack
	}
	on leave {
		leave {event.args.0}
		ack
	}
	on rooms {
		ack {socket.rooms}
	}
	on to {
		emit msg {event.args.0} {event.args.1} {
			to {event.args.2}
		}
	}
	on "to including me" {
		emit msg {event.args.0} {event.args.1} {
			to {event.args.2}
			include_sender
		}
	}
	on "to except" {
		emit msg {event.args.0} {event.args.1} {
			to {event.args.2}
			except {event.args.3}
		}
	}
	on volatile {
		emit msg {event.args.0} {event.args.1} {
			to {event.args.2}
			volatile
		}
	}
	on broadcast {
		emit msg {event.args.0} {event.args.1} {
			broadcast
		}
	}
	on all {
		emit msg {event.args.0} {event.args.1} {
			broadcast
			include_sender
		}
	}
`;

export const namespaces = ['/', '/chat', '/org-7'];

const site = (settings) => `socketio {\n${settings}\n${['/', '/chat', '/org-*'].map((name) => `namespace ${name} {${rules}}\n`).join('')}}\n`;

// handleEvents does in Node.js what the rules do in Caddy.
function handleEvents(namespace) {
	namespace.on('connection', (socket) => {
		socket.on('join', (rooms, ack) => {
			socket.join(rooms);
			ack();
		});
		socket.on('leave', (rooms, ack) => {
			for (const room of rooms) socket.leave(room);
			ack();
		});
		socket.on('rooms', (ack) => ack([...socket.rooms]));
		socket.on('to', (emitter, number, to) => to.length > 0 && socket.to(to).emit('msg', emitter, number));
		socket.on('to including me', (emitter, number, to) => to.length > 0 && namespace.to(to).emit('msg', emitter, number));
		socket.on('to except', (emitter, number, to, except) => socket.to(to).except(except).emit('msg', emitter, number));
		socket.on('volatile', (emitter, number, to) => socket.to(to).volatile.emit('msg', emitter, number));
		socket.on('broadcast', (emitter, number) => socket.broadcast.emit('msg', emitter, number));
		socket.on('all', (emitter, number) => namespace.emit('msg', emitter, number));
	});
}

// CaddyNode is a Caddy.
class CaddyNode {
	isCaddy = true;

	static async start(name, { settings, global }) {
		const node = new CaddyNode();
		node.name = name;
		node.settings = settings;
		node.caddy = await Caddy.start(site(settings), { global });
		return node;
	}

	get url() {
		return this.caddy.url;
	}

	async emit(namespace, { emitter, number, to, except }) {
		await this.caddy.emit({ namespace, event: 'msg', args: [emitter, number], to, except });
	}

	// move joins a socket to rooms, or takes it out of them: the operation is join or leave.
	async move(namespace, operation, id, names) {
		const { status, body } = await this.caddy.post(`/socketio/${operation}`, { namespace, in: [id], rooms: names });
		assert.equal(status, 200, JSON.stringify(body));
	}

	reload(count) {
		return this.caddy.reload(site(`${this.settings}\nmax_connections ${10_000 + count}`));
	}

	// sockets returns the rooms of all sockets of a namespace, in the whole cluster, by id.
	async sockets(namespace) {
		const { body } = await this.caddy.get(`/socketio/sockets?namespace=${encodeURIComponent(namespace)}&limit=1000`);
		return new Map(body.map(({ id, rooms }) => [id, rooms]));
	}

	stop() {
		return this.caddy.stop();
	}
}

// NodejsNode is a Socket.IO server in Node.js.
class NodejsNode {
	isCaddy = false;

	static async start(name, adapter, redis) {
		const node = new NodejsNode();
		node.name = name;
		node.clients = [new IORedis(redis.port), new IORedis(redis.port)];
		const server = createServer();
		node.io = new Server(server, { allowEIO3: true, adapter: adapter(...node.clients) });
		for (const namespace of namespaces) handleEvents(node.io.of(namespace));
		server.listen(0, '127.0.0.1');
		await eventOf(server, 'listening');
		node.url = `http://127.0.0.1:${server.address().port}`;
		return node;
	}

	emit(namespace, { emitter, number, to, except }) {
		this.#target(namespace, to, except).emit('msg', emitter, number);
	}

	#target(namespace, to, except = []) {
		const all = this.io.of(namespace);
		return (to ? all.to(to) : all).except(except);
	}

	async sockets(namespace) {
		const sockets = await this.io.of(namespace).fetchSockets();
		return new Map(sockets.map(({ id, rooms }) => [id, [...rooms]]));
	}

	async stop() {
		await new Promise((resolve) => this.io.close(resolve));
		for (const client of this.clients) client.disconnect();
	}
}

// RedisEmitter is a program that only publishes.
class RedisEmitter {
	name = 'redis emitter';

	constructor(redis) {
		this.client = new IORedis(redis.port);
		this.emitter = new Emitter(this.client);
	}

	emit(namespace, { emitter, number, to, except = [] }) {
		const all = this.emitter.of(namespace);
		(to ? all.to(to) : all).except(except).emit('msg', emitter, number);
	}

	stop() {
		this.client.disconnect();
	}
}

// topologies say which nodes there are, and where a client of a lost connection finds
// its socket again: on no node, on the same node, or on any.
export const topologies = {
	'one Caddy': { caddys: 1, recovery: 'none' },
	'one Caddy with recovery': { caddys: 1, recovery: 'same' },
	'redis': { caddys: 2, recovery: 'none', cluster: 'redis', adapter: createAdapter, emitter: true },
	'redis with recovery': { caddys: 2, recovery: 'same', cluster: 'redis', adapter: createAdapter, emitter: true },
	'redis, sharded': { caddys: 2, recovery: 'none', cluster: 'redis', settings: 'sharded', adapter: createShardedAdapter },
	'redis_streams with recovery': { caddys: 2, recovery: 'any', cluster: 'redis_streams', adapter: (client) => createStreamsAdapter(client, { blockTimeInMs: 100 }) },
};

// Nodes are the nodes of one topology.
export class Nodes {
	// ghosts are the ids of sockets whose end a node may not know before their ping
	// timeout: a client that polls has no connection that could break between polls.
	ghosts = new Set();

	static async start({ caddys, recovery, cluster, settings = '', adapter, emitter }) {
		const nodes = new Nodes();
		try {
			if (cluster) nodes.redis = await Redis.start();
			const options = {
				settings: recovery === 'none' ? '' : 'recovery 1m',
				global: cluster ? `socketio {\n\tcluster ${cluster} ${nodes.redis.url} {\n${settings}\n}\n}` : '',
			};
			nodes.servers = [];
			for (let i = 0; i < caddys; i++) nodes.servers.push(await CaddyNode.start(`caddy ${i + 1}`, options));
			if (adapter) nodes.servers.push(await NodejsNode.start('node.js', adapter, nodes.redis));
			nodes.emitters = emitter ? [new RedisEmitter(nodes.redis)] : [];
			await nodes.#joined();
		} catch (error) {
			await nodes.stop();
			throw error;
		}
		return nodes;
	}

	get caddys() {
		return this.servers.filter(({ isCaddy }) => isCaddy);
	}

	// #joined waits until each server has an answer from all others.
	async #joined() {
		if (this.servers.length === 1) return;
		const nodejs = this.servers.at(-1);
		await awaitCondition(async () => await nodejs.io.of('/').adapter.serverCount() === this.servers.length, 'all nodes see each other');
	}

	async stop() {
		await Promise.all([...this.servers ?? [], ...this.emitters ?? []].map((node) => node.stop()));
		await this.redis?.stop();
	}
}
