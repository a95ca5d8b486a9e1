// How much one client may send, and how many there may be.

import assert from 'node:assert/strict';
import { Caddy } from './lib/caddy.js';
import { awaitConnectError, connectSocket, emitWithAck, kind, kinds, openSocket } from './lib/clients.js';
import { socketio, test } from './lib/rules.js';
import { awaitEvent } from './lib/time.js';

async function start(t, settings, max = '') {
	const caddy = await Caddy.start(socketio(`namespace /chat {
		${max}
		on n {
			ack {event.args.0}
		}
	}`, settings));
	t.after(() => caddy.stop());
	return caddy;
}

async function metric(caddy, line) {
	const { body } = await caddy.get('/metrics');
	const found = body.split('\n').find((text) => text.startsWith(`caddy_socketio_${line} `));
	return Number(found?.split(' ').at(-1));
}

test('what exceeds the rate limit is dropped, and the client is told', async (t) => {
	const caddy = await start(t, 'rate_limit 0.001 10');
	const numbers = Array.from({ length: 30 }, (_, i) => i);
	for (const k of kinds) {
		const a = await connectSocket(t, k, `${caddy.url}/chat`);
		a.on('disconnect', (reason) => assert.fail(reason));
		const answers = await Promise.all(numbers.map((n) => emitWithAck(a, 'n', n)));
		assert.deepEqual(answers, numbers.map((n) => [n < 9 ? n : { error: 'rate limit exceeded' }]), k.name); // to connect is one
		a.off('disconnect');
	}
	assert.equal(await metric(caddy, 'rate_limited_total{hub="default",reason="connection"}'), kinds.length * 21);
});

test('rules and rooms have rates, and bytes are slowed down', async (t) => {
	const caddy = await Caddy.start(socketio(`namespace /chat {
		rate_limit room:* {
			events 0.001 3
		}
		join room:1 room:2
		on rare {
			rate_limit 0.001 2
			ack ok
		}
		on say {
			to {event.args.0} emit said {event.args.1}
			ack ok
		}
	}`, `rate_limit {
		bytes 400KB 200KB
	}`));
	t.after(() => caddy.stop());
	const limited = [{ error: 'rate limit exceeded' }];
	const reader = await connectSocket(t, kind(4, 'websocket'), `${caddy.url}/chat`);
	const heard = [];
	reader.on('said', (text) => heard.push(text));
	const heardAll = awaitEvent(reader, 'said', (text) => text === 6);
	for (const k of kinds) {
		const a = await connectSocket(t, k, `${caddy.url}/chat`);
		const answers = [];
		for (let i = 0; i < 3; i++) answers.push(await emitWithAck(a, 'rare', i));
		assert.deepEqual(answers, [['ok'], ['ok'], limited], k.name);
		assert.deepEqual(await emitWithAck(a, 'say', 'lobby', 'x'.repeat(100_000)), ['ok'], k.name);
	}
	const [a, b] = await Promise.all([2, 4].map((version) => connectSocket(t, kind(version, 'websocket'), `${caddy.url}/chat`)));
	for (const [socket, text, want] of [[a, 1, ['ok']], [b, 2, ['ok']], [a, 3, ['ok']], [a, 4, limited], [b, 5, limited]]) {
		assert.deepEqual(await emitWithAck(socket, 'say', 'room:1', text), want);
	}
	assert.deepEqual(await emitWithAck(b, 'say', 'room:2', 6), ['ok']);
	await heardAll;
	assert.deepEqual(heard, [1, 2, 3, 6]);
	const large = Array.from({ length: 8 }, () => emitWithAck(a, 'say', 'lobby', 'x'.repeat(100_000)));
	for (const answer of await Promise.all(large)) assert.deepEqual(answer, ['ok']);
	for (const [reason, count] of [['rule', kinds.length], ['room', 2], ['room_bytes', 0], ['connection', 0]]) {
		assert.equal(await metric(caddy, `rate_limited_total{hub="default",reason="${reason}"}`), count, reason);
	}
	assert.ok(await metric(caddy, 'rate_limited_total{hub="default",reason="bytes"}') > 0);
});

test('a namespace that is full takes nobody, until somebody leaves', async (t) => {
	const caddy = await start(t, '', 'max_sockets 2');
	const [a] = await Promise.all([2, 4].map((version) => connectSocket(t, kind(version, 'websocket'), `${caddy.url}/chat`)));
	for (const k of kinds) assert.equal(await awaitConnectError(openSocket(t, k, `${caddy.url}/chat`)), 'Too many sockets', k.name);
	assert.equal(await metric(caddy, 'connect_errors_total{hub="default",namespace="/chat"}'), kinds.length);
	const waits = openSocket(t, kind(4, 'websocket'), `${caddy.url}/chat`);
	waits.on('connect_error', () => waits.connect());
	const enters = awaitEvent(waits, 'connect');
	a.disconnect();
	await enters;
});
