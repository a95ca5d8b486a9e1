// Every line of Socket.IO's page on rooms.

import assert from 'node:assert/strict';
import { call, connect, fence, inboxes, Inbox, kinds, roomName } from './lib/clients.js';
import { matrix, namespace, serving, socketio, test } from './lib/rules.js';
import { heard } from './lib/time.js';

serving('rooms', socketio(namespace('/') + namespace('/other')), (caddy) => {
	const several = (t, kind, count) => Promise.all(Array.from({ length: count }, () => connect(t, kind, caddy().url)));

	matrix('a socket is in the room of its own id and of those it joins', async (t, kind) => {
		const [a] = await several(t, kind, 1);
		const [first, second] = [roomName(), roomName()];
		assert.deepEqual(await call(a, 'rooms'), [[a.id]]);
		assert.deepEqual(await call(a, 'join', first), [[a.id, first]]);
		assert.deepEqual(await call(a, 'join', first), [[a.id, first]]);
		assert.deepEqual(await call(a, 'join several', second, first), [[a.id, first, second]]);
		assert.deepEqual(await call(a, 'leave', first), [[a.id, second]]);
		assert.deepEqual(await call(a, 'leave', roomName('never joined')), [[a.id, second]]);
	});

	matrix('an emit to a room reaches its members but the sender', async (t, kind) => {
		const sockets = await several(t, kind, 3);
		const [a, b] = sockets;
		const room = roomName();
		await call(a, 'join', room);
		await call(b, 'join', room);
		const got = inboxes(sockets);
		a.emit('to', room, 'hi');
		await fence(a, ...sockets);
		assert.deepEqual(got.map((inbox) => inbox.all), [[], [['hi']], []]);

		await call(b, 'leave', room);
		a.emit('to', room, 'after leaving');
		await fence(a, ...sockets);
		assert.deepEqual(got.map((inbox) => inbox.all.length), [0, 1, 0]);
	});

	matrix('include_sender includes the sender', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const room = roomName();
		await call(a, 'join', room);
		await call(b, 'join', room);
		const got = inboxes([a, b]);
		a.emit('to all in', room, 'room');
		a.emit('everyone', 'all');
		await fence(a, a, b);
		for (const inbox of got) assert.deepEqual(inbox.all, [['room'], ['all']]);
	});

	matrix('who is in several rooms gets an emit to them once', async (t, kind) => {
		const sockets = await several(t, kind, 4);
		const [a, b, c, d] = sockets;
		const [x, y] = [roomName(), roomName()];
		await call(b, 'join', [x, y]);
		await call(c, 'join', x);
		await call(d, 'join', y);
		const got = inboxes(sockets);
		a.emit('to', [x, y], 'list');
		a.emit('to both', x, y, 'arguments');
		await fence(a, ...sockets);
		const each = [['list'], ['arguments']];
		assert.deepEqual(got.map((inbox) => inbox.all), [[], each, each, each]);
	});

	matrix('except leaves out the members of a room', async (t, kind) => {
		const sockets = await several(t, kind, 4);
		const [a, b, c, d] = sockets;
		const [room, muted] = [roomName(), roomName()];
		for (const socket of [b, c, d]) await call(socket, 'join', room);
		await call(c, 'join', muted);
		const got = inboxes(sockets);
		a.emit('to except', room, muted, 'not to c');
		a.emit('to except', room, [d.id, muted], 'b alone');
		a.emit('broadcast except', muted, 'all but c');
		await fence(a, ...sockets);
		assert.deepEqual(got.map((inbox) => inbox.all.flat()), [
			[], ['not to c', 'b alone', 'all but c'], [], ['not to c', 'all but c'],
		]);
	});

	matrix('a broadcast reaches everyone else in the namespace', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const other = await connect(t, kind, `${caddy().url}/other`);
		const got = inboxes([a, b, other]);
		a.emit('broadcast', 'hi');
		await fence(a, a, b);
		await fence(other, other);
		assert.deepEqual(got.map((inbox) => inbox.all), [[], [['hi']], []]);
	});

	matrix('the room of an id is for private messages', async (t, kind) => {
		const sockets = await several(t, kind, 3);
		const [a, b] = sockets;
		const got = inboxes(sockets);
		a.emit('to', b.id, 'psst');
		a.emit('to', a.id, 'to nobody');
		await fence(a, ...sockets);
		assert.deepEqual(got.map((inbox) => inbox.all), [[], [['psst']], []]);
	});

	matrix('a room nobody is in reaches nobody', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const got = inboxes([a, b]);
		a.emit('to', roomName(), 'hello?');
		a.emit('to all in', roomName(), 'hello?');
		await fence(a, a, b);
		assert.deepEqual(got.map((inbox) => inbox.all), [[], []]);
	});

	matrix('rooms are left on disconnect: disconnecting sees them, disconnect sees none', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const room = roomName();
		await call(a, 'join', room);
		await call(b, 'join', room);
		const { id } = a;
		const leaving = heard(b, 'leaving');
		const gone = heard(b, 'gone', (who) => who === id);
		a.disconnect();
		assert.deepEqual(await leaving, [id, [id, room], 'client namespace disconnect']);
		assert.deepEqual(await gone, [id, [], 'client namespace disconnect']);
	});

	matrix('rooms of one name in two namespaces are two rooms', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const other = await connect(t, kind, `${caddy().url}/other`);
		const room = roomName();
		for (const socket of [a, b, other]) await call(socket, 'join', room);
		const got = inboxes([a, b, other]);
		a.emit('to all in', room, 'here');
		await fence(a, a, b);
		await fence(other, other);
		assert.deepEqual(got.map((inbox) => inbox.all.length), [1, 1, 0]);
	});

	const names = ['__proto__', 'constructor', '日本 ☕ 𝄞', '["a"]', 'true', '{event.args.0}', 'a,b', ' spaced ', 'x'.repeat(200)];
	matrix('a room may have any name but none', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		for (const name of names) {
			assert.deepEqual(await call(b, 'join', name), [[b.id, name]]);
			const said = heard(b, 'msg');
			a.emit('to', name, name);
			assert.deepEqual(await said, [name]);
			await call(b, 'leave', name);
		}
		const [refused] = await call(a, 'join', '');
		assert.equal(typeof refused.error, 'string');
		assert.deepEqual(await call(a, 'rooms'), [[a.id]]);
	});

	matrix('the emits of one sender keep their order, and local and volatile ones theirs', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const room = roomName();
		await call(b, 'join', room);
		const got = new Inbox(b, 'msg');
		for (let i = 0; i < 300; i++) a.emit(i % 3 ? 'to' : 'local', room, i);
		await got.has(300);
		assert.deepEqual(got.all.flat(), Array.from({ length: 300 }, (_, i) => i));
	});

	test('all clients on all transports meet in one room', async (t) => {
		const room = roomName();
		const sockets = await Promise.all(kinds.map((kind) => connect(t, kind, caddy().url)));
		await Promise.all(sockets.map((socket) => call(socket, 'join', room)));
		const got = inboxes(sockets);
		for (const [i, socket] of sockets.entries()) {
			socket.emit('to', room, { from: i, text: '日本 ☕', file: Buffer.from([0, 1, 0x1e, 0xff, i]) });
			await fence(socket, ...sockets);
		}
		for (const [i, inbox] of got.entries()) {
			assert.deepEqual(inbox.all.map(([m]) => m.from), kinds.map((_, n) => n).filter((n) => n !== i));
			for (const [m] of inbox.all) {
				assert.equal(m.text, '日本 ☕');
				assert.deepEqual(Buffer.from(m.file), Buffer.from([0, 1, 0x1e, 0xff, m.from]));
			}
		}
	});

	matrix('a volatile emit reaches who listens', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const room = roomName();
		await call(b, 'join', room);
		// A poll may be on its way at any one moment: then it is dropped, rightly.
		const said = heard(b, 'msg');
		let arrived = false;
		said.then(() => (arrived = true), () => {});
		while (!arrived) {
			a.emit('typing', room, 'ada');
			await fence(a, a, b);
		}
		assert.deepEqual(await said, ['ada']);
	});
});
