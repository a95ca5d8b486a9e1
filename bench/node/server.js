// The Socket.IO server that the benchmark compares, with the events of the other servers.
//
//	node --expose-gc server.js --port PORT [--ping MS] [--cert FILE --key FILE] [--redis HOST:PORT]
//
// POST /gc collects garbage. POST /emit emits {"to":["room"],"event":"msg","args":["..."]}.

import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { parseArgs } from 'node:util';
import { Server } from 'socket.io';

const { values } = parseArgs({
	options: {
		port: { type: 'string' },
		ping: { type: 'string', default: '25000' },
		cert: { type: 'string' },
		key: { type: 'string' },
		redis: { type: 'string' },
	},
});

async function readJSON(request) {
	let text = '';
	for await (const part of request) text += part;
	return JSON.parse(text);
}

async function serve(request, response) {
	if (request.url.startsWith('/socket.io/')) return;
	if (request.url === '/gc') {
		globalThis.gc();
		globalThis.gc();
	} else {
		const { to, event, args } = await readJSON(request);
		io.to(to).emit(event, ...args);
	}
	response.end('{}');
}

const server = values.cert
	? https.createServer({ cert: readFileSync(values.cert), key: readFileSync(values.key), minVersion: 'TLSv1.3' }, serve)
	: http.createServer(serve);
const io = new Server(server, { serveClient: false, allowEIO3: true, pingInterval: Number(values.ping) });

if (values.redis) {
	const { createAdapter } = await import('@socket.io/redis-adapter');
	const { default: IORedis } = await import('ioredis');
	const [host, port] = values.redis.split(':');
	const publisher = new IORedis(Number(port), host);
	io.adapter(createAdapter(publisher, publisher.duplicate()));
}

io.on('connection', (socket) => {
	socket.on('join', (room, ack) => {
		socket.join(room);
		ack();
	});
	socket.on('leave', (room, ack) => {
		socket.leave(room);
		ack();
	});
	socket.on('echo', (text, ack) => ack(text));
	socket.on('bcast', (room, text) => io.to(room).emit('msg', text));
});

server.listen(Number(values.port), '127.0.0.1', 4096);
