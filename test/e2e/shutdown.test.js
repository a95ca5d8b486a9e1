// The end of the process: clients are told, and nothing keeps it waiting.

import assert from 'node:assert/strict';
import http from 'node:http';
import { Caddy } from './lib/caddy.js';
import { awaitConnect, connectSocket, emitWithAck, kinds } from './lib/clients.js';
import { Poller } from './lib/poller.js';
import { namespace, socketio, test } from './lib/rules.js';
import { awaitEvent, withDeadline } from './lib/time.js';

const site = socketio(namespace('/'));

test('clients are told, a parked poll is answered, and the process ends', async (t) => {
	const caddy = await Caddy.start(site, { global: '\tmetrics' });
	t.after(() => caddy.stop());
	const sockets = await Promise.all(kinds.map((k) => connectSocket(t, k, caddy.url)));
	const poller = new Poller(caddy.url);
	await poller.open();
	const parked = poller.request();
	await caddy.parked(kinds.filter(({ transport }) => transport === 'polling').length + 1);

	const reasons = Promise.all(sockets.map((socket) => awaitEvent(socket, 'disconnect')));
	await caddy.stop();
	for (const [reason] of await reasons) assert.match(reason, /^transport (close|error)$/);
	assert.equal((await parked).status, 200);
});

test('clients come back by themselves to the next process', async (t) => {
	const first = await Caddy.start(site);
	t.after(() => first.stop());
	const sockets = await Promise.all(kinds.map((k) => connectSocket(t, k, first.url, {
		reconnection: true,
		reconnectionDelay: 50,
		reconnectionDelayMax: 200,
	})));
	const reasons = Promise.all(sockets.map((socket) => awaitEvent(socket, 'disconnect')));
	await first.stop();
	await reasons;
	const second = await Caddy.start(site, { ports: first.ports });
	t.after(() => second.stop());
	await Promise.all(sockets.map((socket) => withDeadline(new Promise((resolve) => {
		if (socket.connected) resolve();
		else socket.on('connect', resolve);
	}), 'reconnect', 20_000)));
	await Promise.all(sockets.map(awaitConnect));
	for (const socket of sockets) assert.deepEqual(await emitWithAck(socket, 'rooms'), [[socket.id]]);
});

// stream begins a stream of emits, and has its answer when the first is emitted.
async function stream(t, caddy, port) {
	const request = http.request({
		host: '127.0.0.1', port, path: '/socketio/emit', method: 'POST', agent: false, headers: { 'Content-Type': 'application/x-ndjson' },
	});
	t.after(() => request.destroy());
	const answer = new Promise((resolve, reject) => {
		request.on('error', reject);
		request.on('response', async (response) => {
			let text = '';
			for await (const chunk of response.setEncoding('utf8')) text += chunk;
			resolve(JSON.parse(text));
		});
	});
	answer.catch(() => {}); // a test that failed before may never await it
	const poller = new Poller(caddy.url);
	await poller.open();
	request.write('{"event":"first"}\n{"event":');
	assert.deepEqual(await poller.get(), ['42["first"]']);
	return { answer, poller };
}

test('streams of emits are answered, and do not keep the process', async (t) => {
	const caddy = await Caddy.start(`${site}\nsocketio_api`);
	t.after(() => caddy.stop());
	const former = await stream(t, caddy, caddy.http);
	await caddy.reload(site); // its route is gone
	const latter = await stream(t, caddy, caddy.adminPort);
	const asked = caddy.post('/socketio/emit', { event: 'question', ack: { timeout: '5m' } });
	assert.deepEqual(await latter.poller.get(), ['420["question"]']);
	await caddy.stop();
	const errors = [{ index: 1, error: 'body: the stream broke off: the server shuts down' }];
	for (const { answer } of [former, latter]) {
		const { emits, errors: told } = await answer;
		assert.deepEqual([emits, told], [1, errors]);
	}
	assert.equal((await asked).body.complete, false);
});
