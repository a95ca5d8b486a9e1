// The warnings for clients that are refused: clients of other origins, with other parsers,
// and with sessions of other nodes.

import assert from 'node:assert/strict';
import { once as eventOf } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import { io } from 'socket.io-client-4';
import { Caddy } from './lib/caddy.js';
import { Redis, redisMissing } from './lib/redis.js';
import { describeWithCaddy, namespace, socketio, test } from './lib/rules.js';
import { awaitEvent, deadlineMs, withDeadline } from './lib/time.js';

const msgpack = createRequire(import.meta.url)('socket.io-msgpack-parser');
const poll = '/socket.io/?EIO=4&transport=polling';

// warnings is the lines of the log with that message, once there are enough.
async function warnings(caddy, message, count = 1) {
	const deadline = Date.now() + deadlineMs;
	for (;;) {
		const lines = caddy.log.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line)).filter(({ msg }) => msg.startsWith(message));
		if (lines.length >= count || Date.now() > deadline) return lines;
		await caddy.get('/config/'); // gives the log time
	}
}

// ask begins a session, or polls for that of the query. Each request has a connection
// of its own: a reload closes idle ones.
async function ask(caddy, headers, query = '') {
	const request = http.get(caddy.url + poll + query, { agent: false, headers });
	const [response] = await withDeadline(eventOf(request, 'response'), 'response');
	let body = '';
	for await (const chunk of response.setEncoding('utf8')) body += chunk;
	return { status: response.statusCode, allowed: response.headers['access-control-allow-origin'], body };
}

describeWithCaddy('origins of native clients', socketio(namespace('/'), 'origins https://app.example.com https://*.example.org file://'), (caddy) => {
	test('the schemes ws and wss, and values that are no origin, are accepted', async () => {
		const host = caddy().url.slice('http://'.length);
		for (const origin of [`ws://${host}`, `wss://${host}`, `http://${host}`, '*', host.split(':')[0], 'file://', 'https://a.example.org']) {
			const response = await ask(caddy(), { Origin: origin });
			assert.equal(response.status, 200, origin);
			assert.equal(response.allowed, origin.includes(':') ? origin : undefined, origin);
		}
	});

	test('an origin that a page of another site can have is refused, and logged once', async () => {
		const origins = ['null', 'https://example.org', 'https://a.b.example.org', 'https://a.example.org.evil.com', 'wss://app.example.com', 'ws://evil.com'];
		for (const origin of [...origins, ...origins]) assert.equal((await ask(caddy(), { Origin: origin })).status, 403, origin);
		const logged = await warnings(caddy(), 'origin refused', origins.length);
		assert.deepEqual(logged.map(({ origin }) => origin), origins);
		for (const line of logged) {
			assert.equal(line.level, 'warn');
			assert.match(line.remedy, /option origins/);
		}
	});
});

test('a listed null is accepted, and is a warning', async (t) => {
	const caddy = await Caddy.start(socketio(namespace('/'), 'origins null'));
	t.after(() => caddy.stop());
	const response = await ask(caddy, { Origin: 'null' });
	assert.equal(response.status, 200);
	assert.equal(response.allowed, 'null');
	assert.equal((await warnings(caddy, 'origins null')).length, 1);
});

describeWithCaddy('other parsers', socketio(namespace('/')), (caddy) => {
	for (const transport of ['websocket', 'polling']) {
		test(`a client with the msgpack parser is refused, and the log says why (${transport})`, async (t) => {
			const socket = io(caddy().url, { parser: msgpack, transports: [transport], forceNew: true, reconnection: false });
			t.after(() => socket.close());
			await awaitEvent(socket.io, 'close');
			const [line] = await warnings(caddy(), 'the first packet of a client is not a packet of Socket.IO');
			assert.equal(line.level, 'warn');
			assert.match(line.format, /msgpack/);
			assert.match(line.remedy, /parser/);
		});
	}
});

test('sessions of other nodes are a warning, once for each config', { skip: redisMissing }, async (t) => {
	const redis = await Redis.start();
	t.after(() => redis.stop());
	const site = socketio(namespace('/'));
	const caddy = await Caddy.start(site, { global: `socketio {\n\tcluster redis ${redis.url}\n}` });
	t.after(() => caddy.stop());
	const message = 'clients often name sessions that this node does not know';
	const askUnknown = async () => {
		for (let i = 0; i < 20; i++) {
			const { body } = await ask(caddy, {}, `&sid=AAAAAAAAAAAAAAAAAAA${i % 10}`);
			assert.deepEqual(JSON.parse(body), { code: 1, message: 'Session ID unknown' });
		}
	};
	await askUnknown();
	assert.match((await warnings(caddy, message))[0].remedy, /cookie/);
	await caddy.reload(site + '\nheader X-Config 2');
	await askUnknown();
	assert.equal((await warnings(caddy, message, 2)).length, 2);
});
