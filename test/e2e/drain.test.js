// A drain: the clients of a node leave it one by one, and reconnect to the next node by
// themselves.

import assert from 'node:assert/strict';
import { Caddy, run } from './lib/caddy.js';
import { awaitConnect, connectSocket, emitWithAck, kind, kinds } from './lib/clients.js';
import { namespace, socketio, test } from './lib/rules.js';
import { awaitEvent, withDeadline } from './lib/time.js';

const site = `${socketio(namespace('/'))}\nsocketio_api`;

test('clients of a drained node reconnect to the next one, without an error', async (t) => {
	const first = await Caddy.start(site);
	t.after(() => first.stop());
	const second = await Caddy.start(site);
	t.after(() => second.stop());
	const options = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
	const sockets = await Promise.all([...kinds, ...kinds].map((k) => connectSocket(t, k, first.url, options)));
	const reasons = sockets.map(async (socket) => {
		const [reason] = await awaitEvent(socket, 'disconnect');
		socket.io.uri = second.url; // as a load balancer does
		return reason;
	});
	const { code, stdout } = await run(['socketio', 'drain', '--over', '2s', '--address', first.admin]);
	assert.equal(code, 0);
	assert.equal(stdout, `drained ${sockets.length} connections; new connections are refused until the process exits, or drain --cancel\n`);
	for (const reason of await Promise.all(reasons)) assert.equal(reason, 'transport close');
	const refused = await fetch(`${first.url}/socket.io/?EIO=4&transport=polling`);
	assert.equal(refused.status, 503);
	assert.match(refused.headers.get('retry-after'), /^\d+$/);
	await Promise.all(sockets.map((socket) => (socket.connected ? undefined : withDeadline(new Promise((resolve) => {
		socket.on('connect', resolve);
	}), 'reconnect', 20_000))));
	await Promise.all(sockets.map(awaitConnect));
	for (const socket of sockets) assert.deepEqual(await emitWithAck(socket, 'rooms'), [[socket.id]]);
	assert.equal((await first.get('/socketio/drain')).body.state, 'drained');
	const cancelled = await run(['socketio', 'drain', '--cancel', '--address', first.admin]);
	assert.equal(cancelled.stdout, 'cancelled; 0 connections left, new ones are accepted\n');
	await connectSocket(t, kind(4, 'websocket'), first.url);
});
