// How many events a second get from clients of one server to clients of another, by
// way of Redis: two Caddys beside two Node.js servers, in turn, in one run.
//
//	CADDY=caddy node bench.js [classic|sharded] [rounds]
//
// The clients are as cheap as can be: WebSockets that count.

import { fork } from 'node:child_process';
import { once as eventOf } from 'node:events';
import { createServer } from 'node:http';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import IORedis from 'ioredis';
import { Server } from 'socket.io';
import WebSocket from 'ws';
import { Caddy, freePort } from '../e2e/lib/caddy.js';
import { Redis } from '../e2e/lib/redis.js';
import { global, site } from './lib/cluster.js';

const events = 40_000;
const clients = 4; // on each side
const text = 'x'.repeat(150);

// A child process runs a Node.js server.
if (process.argv[2] === 'serve') {
	const [dialect, port, redis] = process.argv.slice(3);
	const adapter = dialect === 'sharded' ? createShardedAdapter : createAdapter;
	const server = createServer();
	new Server(server, { adapter: adapter(new IORedis(redis), new IORedis(redis)) }).on('connection', (socket) => {
		socket.on('join', (room, ack) => {
			socket.join(room);
			ack();
		});
		socket.on('to', (room, message) => socket.to(room).emit('msg', message));
	});
	server.listen(port, '127.0.0.1', () => process.send('listening'));
} else {
	await compare(process.argv[2] ?? 'classic', Number(process.argv[3] ?? 2));
}

async function compare(dialect, rounds) {
	const redis = await Redis.start();
	const servers = {
		caddy: () => Caddy.start(site, { global: global(redis, dialect === 'sharded' ? 'sharded' : '') }),
		async node() {
			const port = await freePort();
			const child = fork(import.meta.filename, ['serve', dialect, port, redis.port]);
			await eventOf(child, 'message');
			return { url: `http://127.0.0.1:${port}`, stop: () => child.kill() };
		},
	};
	for (let i = 0; i < rounds; i++) {
		for (const [kind, start] of Object.entries(servers)) {
			const pair = await Promise.all([start(), start()]);
			console.log(`${dialect}, two of ${kind}: ${Math.round(await measure(...pair))} events/s, each to ${clients} clients`);
			await Promise.all(pair.map((server) => server.stop()));
		}
	}
	await redis.stop();
}

// measure is how many events a second all receivers get.
async function measure(from, to) {
	const senders = await Promise.all(Array.from({ length: clients }, () => open(from)));
	const receivers = await Promise.all(Array.from({ length: clients }, () => open(to)));
	for (const receiver of receivers) receiver.send('420["join","room"]');
	await until(() => receivers.every((receiver) => receiver.acked), 1);
	await until(() => { // subscriptions take a moment
		senders[0].send('42["to","room","warm up"]');
		return receivers.every((receiver) => receiver.count > 100);
	}, 10);
	const begun = performance.now();
	for (const receiver of receivers) receiver.count = 0;
	for (let sent = 0; sent < events; sent += clients) {
		for (const sender of senders) sender.send(`42["to","room",{"n":${sent},"text":"${text}"}]`);
		if (sent % (100 * clients) === 0) await new Promise(setImmediate);
	}
	await until(() => receivers.every((receiver) => receiver.count >= events), 2);
	const seconds = (performance.now() - begun) / 1000;
	for (const socket of [...senders, ...receivers]) socket.close();
	return events / seconds;
}

// open is a connected client.
async function open(server) {
	const socket = new WebSocket(`${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
	socket.count = 0;
	await new Promise((resolve) => socket.on('message', (data) => {
		const packet = data.toString();
		if (packet.startsWith('42')) socket.count++;
		else if (packet.startsWith('43')) socket.acked = true;
		else if (packet === '2') socket.send('3');
		else if (packet.startsWith('40')) resolve();
		else socket.send('40');
	}));
	return socket;
}

async function until(condition, interval) {
	while (!condition()) await new Promise((resolve) => setTimeout(resolve, interval));
}
