// Emits a second from outside: by the admin API in each of its ways, and by Node.js's
// Redis emitter through a Node.js server, in turn, to the same clients. Each run ends
// when everyone has got the last event.

import { fork } from 'node:child_process';
import { once as eventOf } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { Emitter } from '@socket.io/redis-emitter';
import IORedis from 'ioredis';
import { Caddy, freePort } from './lib/caddy.js';
import { Redis } from './lib/redis.js';
import { withDeadline } from './lib/time.js';

const rounds = 3;
const sizes = [{ clients: 0, emits: 10_000 }, { clients: 1000, emits: 500 }];

const last = '["last"]';
const event = { to: ['lobby'], event: 'news', args: [{ title: 'hello', n: 17 }] };

const site = `socketio {
	max_queue 256MB
	namespace / {
		on connect {
			join {http.request.uri.query.room}
		}
	}
}`;

// nodeServer is a process with a Socket.IO server that does the same.
async function nodeServer(redis) {
	const port = await freePort();
	const child = fork(fileURLToPath(new URL('lib/bench-server.js', import.meta.url)), [port, redis.port]);
	await withDeadline(eventOf(child, 'message'), 'start of the Node server');
	return { port, stop: () => child.kill() };
}

// client is a WebSocket that is in a room. It looks for the last event, and not at
// all at the others.
async function client(port, room) {
	const socket = net.connect(port, '127.0.0.1');
	const frame = (text) => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
	socket.write(`GET /socket.io/?EIO=4&transport=websocket&room=${room} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\n`
		+ 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
	let seen = '';
	const sees = (text) => withDeadline(new Promise((resolve, reject) => {
		const look = (data) => {
			seen = seen.slice(-text.length) + data;
			if (!seen.includes(text)) return;
			socket.off('data', look);
			resolve();
		};
		socket.on('data', look);
		socket.once('close', () => reject(new Error(`closed before ${text}`)));
	}), text, 600_000);
	socket.setEncoding('latin1');
	await sees('"sid"');
	const connected = sees('40{"sid"');
	socket.write(frame('40'));
	await connected;
	return { sees, close: () => socket.destroy() };
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

async function post(caddy, body, type = 'application/json') {
	const request = http.request({
		host: '127.0.0.1', port: caddy.adminPort, path: '/socketio/emit', method: 'POST', agent,
		headers: { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) },
	});
	request.end(body);
	const [response] = await eventOf(request, 'response');
	response.resume();
	await eventOf(response, 'end');
}

const redis = await Redis.start();
const caddy = await Caddy.start(site, { global: '\tlog {\n\t\texclude admin.api\n\t}' });
const node = await nodeServer(redis);
const publisher = new IORedis(redis.port);
const emitter = new Emitter(publisher);

const repeat = (count, text, glue) => Array.from({ length: count }, () => text).join(glue);
const text = JSON.stringify(event);
const ways = {
	async single(emits) {
		for (let i = 0; i < emits; i++) await post(caddy, text);
	},
	async batch(emits) {
		for (let i = 0; i < emits; i += 1000) await post(caddy, `[${repeat(Math.min(1000, emits), text, ',')}]`);
	},
	stream: (emits) => post(caddy, repeat(emits, text, '\n'), 'application/x-ndjson'),
	async 'redis-emitter and Node'(emits) {
		for (let i = 0; i < emits; i++) emitter.to('lobby').emit(event.event, ...event.args);
	},
};

async function measure(name, { clients, emits }) {
	const nodes = name.endsWith('Node');
	const port = nodes ? node.port : caddy.http;
	const all = [await client(port, 'other')];
	for (let i = 0; i < clients; i++) all.push(await client(port, 'lobby'));
	const done = Promise.all(all.map((one) => one.sees(last)));
	const begin = performance.now();
	await ways[name](emits);
	if (nodes) emitter.emit('last');
	else await post(caddy, '{"event":"last"}');
	await done;
	const seconds = (performance.now() - begin) / 1000;
	all.forEach((one) => one.close());
	return emits / seconds;
}

const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];

try {
	for (const size of sizes) {
		const rates = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
		for (let round = 0; round < rounds; round++) {
			for (const name of Object.keys(ways)) rates[name].push(await measure(name, size));
		}
		const base = median(rates.single);
		console.log(`to a room of ${size.clients}, median of ${rounds}:`);
		for (const [name, list] of Object.entries(rates)) {
			console.log(`  ${name.padEnd(24)} ${median(list).toFixed(0).padStart(8)} emits/s  ${(median(list) / base).toFixed(2)} times single`);
		}
	}
} finally {
	agent.destroy();
	publisher.disconnect();
	node.stop();
	await caddy.stop();
	await redis.stop();
}
