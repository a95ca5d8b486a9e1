// Every line of Socket.IO's page on rooms.

import assert from 'node:assert/strict';
import { awaitDelivery, connectSocket, emitWithAck, Inbox, inboxes, kinds, uniqueRoom } from './lib/clients.js';
import { describeWithCaddy, namespace, socketio, test, testEachClient } from './lib/rules.js';
import { awaitEvent } from './lib/time.js';

describeWithCaddy('rooms', socketio(namespace('/') + namespace('/other')), (caddy) => {
	const several = (t, kind, count) => Promise.all(Array.from({ length: count }, () => connectSocket(t, kind, caddy().url)));

	testEachClient('a socket is in the room of its own id and of those it joins', async (t, kind) => {
		const [a] = await several(t, kind, 1);
		const [first, second] = [uniqueRoom(), uniqueRoom()];
		assert.deepEqual(await emitWithAck(a, 'rooms'), [[a.id]]);
		assert.deepEqual(await emitWithAck(a, 'join', first), [[a.id, first]]);
		assert.deepEqual(await emitWithAck(a, 'join', first), [[a.id, first]]);
		assert.deepEqual(await emitWithAck(a, 'join several', second, first), [[a.id, first, second]]);
		assert.deepEqual(await emitWithAck(a, 'leave', first), [[a.id, second]]);
		assert.deepEqual(await emitWithAck(a, 'leave', uniqueRoom('never joined')), [[a.id, second]]);
	});

	testEachClient('an emit to a room reaches its members but the sender', async (t, kind) => {
		const sockets = await several(t, kind, 3);
		const [a, b] = sockets;
		const room = uniqueRoom();
		await emitWithAck(a, 'join', room);
		await emitWithAck(b, 'join', room);
		const got = inboxes(sockets);
		a.emit('to', room, 'hi');
		await awaitDelivery(a, ...sockets);
		assert.deepEqual(got.map((inbox) => inbox.all), [[], [['hi']], []]);

		await emitWithAck(b, 'leave', room);
		a.emit('to', room, 'after leaving');
		await awaitDelivery(a, ...sockets);
		assert.deepEqual(got.map((inbox) => inbox.all.length), [0, 1, 0]);
	});

	testEachClient('include_sender includes the sender', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const room = uniqueRoom();
		await emitWithAck(a, 'join', room);
		await emitWithAck(b, 'join', room);
		const got = inboxes([a, b]);
		a.emit('to all in', room, 'room');
		a.emit('everyone', 'all');
		await awaitDelivery(a, a, b);
		for (const inbox of got) assert.deepEqual(inbox.all, [['room'], ['all']]);
	});

	testEachClient('who is in several rooms gets an emit to them once', async (t, kind) => {
		const sockets = await several(t, kind, 4);
		const [a, b, c, d] = sockets;
		const [x, y] = [uniqueRoom(), uniqueRoom()];
		await emitWithAck(b, 'join', [x, y]);
		await emitWithAck(c, 'join', x);
		await emitWithAck(d, 'join', y);
		const got = inboxes(sockets);
		a.emit('to', [x, y], 'list');
		a.emit('to both', x, y, 'arguments');
		await awaitDelivery(a, ...sockets);
		const each = [['list'], ['arguments']];
		assert.deepEqual(got.map((inbox) => inbox.all), [[], each, each, each]);
	});

	testEachClient('except leaves out the members of a room', async (t, kind) => {
		const sockets = await several(t, kind, 4);
		const [a, b, c, d] = sockets;
		const [room, muted] = [uniqueRoom(), uniqueRoom()];
		for (const socket of [b, c, d]) await emitWithAck(socket, 'join', room);
		await emitWithAck(c, 'join', muted);
		const got = inboxes(sockets);
		a.emit('to except', room, muted, 'not to c');
		a.emit('to except', room, [d.id, muted], 'b alone');
		a.emit('broadcast except', muted, 'all but c');
		await awaitDelivery(a, ...sockets);
		assert.deepEqual(got.map((inbox) => inbox.all.flat()), [
			[], ['not to c', 'b alone', 'all but c'], [], ['not to c', 'all but c'],
		]);
	});

	testEachClient('a broadcast reaches everyone else in the namespace', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const other = await connectSocket(t, kind, `${caddy().url}/other`);
		const got = inboxes([a, b, other]);
		a.emit('broadcast', 'hi');
		await awaitDelivery(a, a, b);
		await awaitDelivery(other, other);
		assert.deepEqual(got.map((inbox) => inbox.all), [[], [['hi']], []]);
	});

	testEachClient('the room of an id is for private messages', async (t, kind) => {
		const sockets = await several(t, kind, 3);
		const [a, b] = sockets;
		const got = inboxes(sockets);
		a.emit('to', b.id, 'psst');
		a.emit('to', a.id, 'to nobody');
		await awaitDelivery(a, ...sockets);
		assert.deepEqual(got.map((inbox) => inbox.all), [[], [['psst']], []]);
	});

	testEachClient('a room nobody is in reaches nobody', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const got = inboxes([a, b]);
		a.emit('to', uniqueRoom(), 'hello?');
		a.emit('to all in', uniqueRoom(), 'hello?');
		await awaitDelivery(a, a, b);
		assert.deepEqual(got.map((inbox) => inbox.all), [[], []]);
	});

	testEachClient('rooms are left on disconnect: disconnecting sees them, disconnect sees none', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const room = uniqueRoom();
		await emitWithAck(a, 'join', room);
		await emitWithAck(b, 'join', room);
		const { id } = a;
		const leaving = awaitEvent(b, 'leaving');
		const gone = awaitEvent(b, 'gone', (who) => who === id);
		a.disconnect();
		assert.deepEqual(await leaving, [id, [id, room], 'client namespace disconnect']);
		assert.deepEqual(await gone, [id, [], 'client namespace disconnect']);
	});

	testEachClient('rooms of one name in two namespaces are two rooms', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const other = await connectSocket(t, kind, `${caddy().url}/other`);
		const room = uniqueRoom();
		for (const socket of [a, b, other]) await emitWithAck(socket, 'join', room);
		const got = inboxes([a, b, other]);
		a.emit('to all in', room, 'here');
		await awaitDelivery(a, a, b);
		await awaitDelivery(other, other);
		assert.deepEqual(got.map((inbox) => inbox.all.length), [1, 1, 0]);
	});

	testEachClient('sockets that join at once announce each size once, in order', async (t, kind) => {
		const sockets = await several(t, kind, 8);
		const room = uniqueRoom();
		const counts = sockets.map((socket) => {
			const all = [];
			const last = awaitEvent(socket, 'count', (n) => all.push(n) && n === sockets.length);
			return last.then(() => all);
		});
		for (const socket of sockets) socket.emit('join and count', room);
		const firsts = (await Promise.all(counts)).map((all) => {
			assert.deepEqual(all, all.map((_, i) => all[0] + i));
			return all[0];
		});
		assert.deepEqual(firsts.sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
	});

	testEachClient('a full room refuses a socket until another leaves', async (t, kind) => {
		const [a, b, c] = await several(t, kind, 3);
		const room = uniqueRoom();
		assert.deepEqual(await emitWithAck(a, 'join up to 2', room), [1]);
		assert.deepEqual(await emitWithAck(b, 'join up to 2', room), [2]);
		assert.deepEqual(await emitWithAck(c, 'join up to 2', room), [{ error: 'room is full' }]);
		assert.deepEqual(await emitWithAck(a, 'leave maybe', room), ['guest', 1]);
		assert.deepEqual(await emitWithAck(a, 'leave maybe', null), ['guest', 'none']);
		assert.deepEqual(await emitWithAck(c, 'join up to 2', room), [2]);
	});

	const names = ['__proto__', 'constructor', '日本 ☕ 𝄞', '["a"]', 'true', '{event.args.0}', 'a,b', ' spaced ', 'x'.repeat(200)];
	testEachClient('a room may have any name but none', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		for (const name of names) {
			assert.deepEqual(await emitWithAck(b, 'join', name), [[b.id, name]]);
			const said = awaitEvent(b, 'msg');
			a.emit('to', name, name);
			assert.deepEqual(await said, [name]);
			await emitWithAck(b, 'leave', name);
		}
		const [refused] = await emitWithAck(a, 'join', '');
		assert.equal(typeof refused.error, 'string');
		assert.deepEqual(await emitWithAck(a, 'rooms'), [[a.id]]);
	});

	testEachClient('the emits of one sender keep their order, and local and volatile ones theirs', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const room = uniqueRoom();
		await emitWithAck(b, 'join', room);
		const got = new Inbox(b, 'msg');
		for (let i = 0; i < 300; i++) a.emit(i % 3 ? 'to' : 'local', room, i);
		await got.has(300);
		assert.deepEqual(got.all.flat(), Array.from({ length: 300 }, (_, i) => i));
	});

	test('all clients on all transports meet in one room', async (t) => {
		const room = uniqueRoom();
		const sockets = await Promise.all(kinds.map((kind) => connectSocket(t, kind, caddy().url)));
		await Promise.all(sockets.map((socket) => emitWithAck(socket, 'join', room)));
		const got = inboxes(sockets);
		for (const [i, socket] of sockets.entries()) {
			socket.emit('to', room, { from: i, text: '日本 ☕', file: Buffer.from([0, 1, 0x1e, 0xff, i]) });
			await awaitDelivery(socket, ...sockets);
		}
		for (const [i, inbox] of got.entries()) {
			assert.deepEqual(inbox.all.map(([m]) => m.from), kinds.map((_, n) => n).filter((n) => n !== i));
			for (const [m] of inbox.all) {
				assert.equal(m.text, '日本 ☕');
				assert.deepEqual(Buffer.from(m.file), Buffer.from([0, 1, 0x1e, 0xff, m.from]));
			}
		}
	});

	testEachClient('a volatile emit reaches who listens', async (t, kind) => {
		const [a, b] = await several(t, kind, 2);
		const room = uniqueRoom();
		await emitWithAck(b, 'join', room);
		// A poll may be on its way at any one moment: then it is dropped, rightly.
		const said = awaitEvent(b, 'msg');
		let arrived = false;
		said.then(() => (arrived = true), () => {});
		while (!arrived) {
			a.emit('typing', room, 'ada');
			await awaitDelivery(a, a, b);
		}
		assert.deepEqual(await said, ['ada']);
	});
});
