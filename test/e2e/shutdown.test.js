// The end of the process: clients are told, and nothing keeps it waiting.

import assert from 'node:assert/strict';
import { Caddy } from './lib/caddy.js';
import { call, connect, connected, kinds } from './lib/clients.js';
import { Poller } from './lib/poller.js';
import { namespace, socketio, test } from './lib/rules.js';
import { heard, within } from './lib/time.js';

const site = socketio(namespace('/'));

test('clients are told, a parked poll is answered, and the process ends', async (t) => {
	const caddy = await Caddy.start(site, { global: '\tmetrics' });
	t.after(() => caddy.stop());
	const sockets = await Promise.all(kinds.map((k) => connect(t, k, caddy.url)));
	const poller = new Poller(caddy.url);
	await poller.open();
	const parked = poller.request();
	await caddy.parked(kinds.filter(({ transport }) => transport === 'polling').length + 1);

	const reasons = Promise.all(sockets.map((socket) => heard(socket, 'disconnect')));
	await caddy.stop();
	for (const [reason] of await reasons) assert.match(reason, /^transport (close|error)$/);
	assert.equal((await parked).status, 200);
});

test('clients come back by themselves to the next process', async (t) => {
	const first = await Caddy.start(site);
	t.after(() => first.stop());
	const sockets = await Promise.all(kinds.map((k) => connect(t, k, first.url, {
		reconnection: true,
		reconnectionDelay: 50,
		reconnectionDelayMax: 200,
	})));
	const reasons = Promise.all(sockets.map((socket) => heard(socket, 'disconnect')));
	await first.stop();
	await reasons;
	const second = await Caddy.start(site, { ports: first.ports });
	t.after(() => second.stop());
	await Promise.all(sockets.map((socket) => within(new Promise((resolve) => {
		if (socket.connected) resolve();
		else socket.on('connect', resolve);
	}), 'reconnect', 20_000)));
	await Promise.all(sockets.map(connected));
	for (const socket of sockets) assert.deepEqual(await call(socket, 'rooms'), [[socket.id]]);
});
