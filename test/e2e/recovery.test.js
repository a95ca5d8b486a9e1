// A client that was away comes back to its socket, as Socket.IO's connection
// state recovery has it.

import assert from 'node:assert/strict';
import { call, connected, Inbox, kinds, open, roomName } from './lib/clients.js';
import { matrix, namespace, serving, socketio, test } from './lib/rules.js';
import { heard } from './lib/time.js';

const four = kinds.filter(({ version }) => version === 4);

serving('recovery', socketio(namespace('/') + namespace('/chat'), 'recovery 1m'), (caddy) => {
	// lose breaks the connection as a lost network does; the client comes back
	// when the callback has run.
	async function lose(socket, meanwhile) {
		const gone = heard(socket, 'disconnect');
		socket.io.engine.close();
		await gone;
		await meanwhile();
		const back = connected(socket);
		socket.io.open();
		await back;
	}

	matrix('id, rooms, data and what was missed come back', async (t, kind) => {
		const socket = open(t, kind, `${caddy().url}/chat`);
		await connected(socket);
		assert.equal(socket.recovered, false);
		const room = roomName();
		const { id } = socket;
		await call(socket, 'join', room);
		await call(socket, 'set name', 'Ada');
		const inbox = new Inbox(socket, 'msg');
		const emit = (n, to = [room]) => caddy().emit({ namespace: '/chat', to, event: 'msg', args: [n] });
		await emit(0);
		await inbox.has(1);
		await lose(socket, async () => {
			for (let n = 1; n <= 20; n++) await emit(n);
			await emit(-1, ['elsewhere']);
		});
		await emit(21);
		await inbox.has(22);
		assert.equal(socket.recovered, true);
		assert.equal(socket.id, id);
		assert.deepEqual(inbox.all.map(([n]) => n), Array.from({ length: 22 }, (_, n) => n));
		assert.deepEqual(await call(socket, 'rooms'), [[id, room]]);
		assert.deepEqual(await call(socket, 'get name'), ['Ada']);
	}, four);

	test('a socket that the server has disconnected does not come back', async (t) => {
		const socket = open(t, four[1], `${caddy().url}/chat`);
		await connected(socket);
		const { id } = socket;
		const gone = heard(socket, 'disconnect');
		await caddy().post('/socketio/disconnect', { namespace: '/chat', in: [id] });
		await gone;
		const back = connected(socket);
		socket.connect();
		await back;
		assert.equal(socket.recovered, false);
		assert.notEqual(socket.id, id);
	});
});
