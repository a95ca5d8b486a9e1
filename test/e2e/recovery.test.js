// A client that was away comes back to its socket, as Socket.IO's connection
// state recovery has it.

import assert from 'node:assert/strict';
import { Balancer } from './lib/balancer.js';
import { awaitConnect, emitWithAck, Inbox, kind, kinds, openSocket, uniqueRoom } from './lib/clients.js';
import { describeWithCaddy, namespace, socketio, test, testEachClient } from './lib/rules.js';
import { awaitEvent } from './lib/time.js';
import { awaitCondition } from './lib/cluster-sockets.js';

const four = kinds.filter(({ version }) => version === 4);

describeWithCaddy('recovery', socketio(namespace('/') + namespace('/chat'), 'recovery 1m'), (caddy) => {
	// lose breaks the connection as a lost network does; the client comes back
	// when the callback has run.
	async function lose(socket, meanwhile) {
		const gone = awaitEvent(socket, 'disconnect');
		socket.io.engine.close();
		await gone;
		await meanwhile();
		const back = awaitConnect(socket);
		socket.io.open();
		await back;
	}

	testEachClient('id, rooms, data and what was missed come back', async (t, kind) => {
		const socket = openSocket(t, kind, `${caddy().url}/chat`);
		await awaitConnect(socket);
		assert.equal(socket.recovered, false);
		const room = uniqueRoom();
		const { id } = socket;
		await emitWithAck(socket, 'join', room);
		await emitWithAck(socket, 'set name', 'Ada');
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
		assert.deepEqual(await emitWithAck(socket, 'rooms'), [[id, room]]);
		assert.deepEqual(await emitWithAck(socket, 'get name'), ['Ada']);
	}, four);

	test('everything comes back, whatever happens to the connection', async (t) => {
		const balancer = await Balancer.start(t, caddy());
		const socket = openSocket(t, four[1], `${balancer.url}/chat`);
		await awaitConnect(socket);
		const room = uniqueRoom();
		const { id } = socket;
		await emitWithAck(socket, 'join', room);
		const inbox = new Inbox(socket, 'msg');
		const emit = (args, more) => caddy().emit({ namespace: '/chat', to: [room], event: 'msg', args, ...more });
		await emit(['text']); // with text last, as offsets are
		await inbox.has(1);
		let n = 0;
		for (const lose of ['cut', 'freeze', 'cut', 'freeze']) {
			const gone = awaitEvent(socket, 'disconnect');
			balancer[lose]();
			for (let i = 0; i < 10; i++) await emit([n++, { $binary: 'AP8=' }, 'é']); // some are sent, and lost
			if (lose === 'freeze') socket.io.engine.close(); // it notices first, and the server does not
			await gone;
			await emit([n++, { deep: [{ $binary: '' }] }, 'text']);
			await emit(['volatile'], { volatile: true });
			balancer.to(caddy());
			const back = awaitConnect(socket);
			socket.io.open();
			await back;
			assert.deepEqual([socket.recovered, socket.id], [true, id], lose);
			await inbox.has(1 + n);
			// Sockets that are connected get it, and it does not harm their recovery.
			await emit(['volatile'], { volatile: true });
			await emitWithAck(socket, 'echo', 1);
			assert.equal(inbox.all.at(-1)?.[0], 'volatile');
			inbox.all.pop();
		}
		assert.deepEqual(inbox.all.slice(1).map(([number]) => number), Array.from({ length: n }, (_, number) => number));
		for (const [number, binary, text] of inbox.all.slice(1)) {
			if (number % 11 < 10) assert.deepEqual([Buffer.from(binary), text], [Buffer.from([0, 255]), 'é']);
			else assert.deepEqual([Buffer.from(binary.deep[0]).length, text], [0, 'text']);
		}
	});

	// A client that closes during its upgrade waits for its poll, and keeps the events of that poll
	// with the former offset: the server sends them again.
	test('a client that closes during its upgrade and empties its buffer gets each event once', async (t) => {
		const socket = openSocket(t, kind(4, 'upgrade'), `${caddy().url}/chat`, { reconnection: true, reconnectionDelay: 10 });
		const buffered = [];
		socket.io.on('reconnect_attempt', () => {
			buffered.push(socket.receiveBuffer.length);
			socket.receiveBuffer = [];
		});
		await awaitConnect(socket);
		const room = uniqueRoom();
		await emitWithAck(socket, 'join', room);
		const inbox = new Inbox(socket, 'msg');
		let n = 0;
		const emit = () => caddy().emit({ namespace: '/chat', to: [room], event: 'msg', args: [n++] });
		await emit();
		await inbox.has(1);
		socket.io.on('open', () => {
			if (buffered.length === 4) return;
			socket.io.engine.once('upgrading', () => {
				pauseAfterEvent(socket);
				socket.io.engine.close();
			});
		});
		socket.io.engine.close();
		while (buffered.length < 4) await emit();
		await emit();
		await inbox.has(n);
		await emitWithAck(socket, 'echo', 1);
		assert.equal(socket.recovered, true);
		assert.deepEqual(inbox.all.map(([number]) => number), Array.from({ length: n }, (_, number) => number));
		assert.ok(buffered.slice(1).every((count) => count > 0), `buffered ${buffered}`);
	});

	test('of several who come with one secret, one gets the socket', async (t) => {
		const socket = openSocket(t, four[1], `${caddy().url}/chat`);
		await awaitConnect(socket);
		await caddy().emit({ namespace: '/chat', event: 'msg', args: [1] });
		await emitWithAck(socket, 'echo', 1);
		const { id, _pid: pid, _lastOffset: offset } = socket;
		const gone = awaitEvent(socket, 'disconnect');
		socket.io.engine.close();
		await gone;
		const others = Array.from({ length: 8 }, () => openSocket(t, four[1], `${caddy().url}/chat`, { auth: { pid, offset } }));
		// A client that is still connecting when another one takes the socket is disconnected, so that
		// it reconnects.
		await Promise.all(others.map((other) => Promise.race([awaitConnect(other), awaitEvent(other, 'disconnect')])));
		const { body } = await caddy().get('/socketio/sockets?namespace=/chat');
		const ids = body.map((is) => is.id);
		assert.equal(ids.filter((one) => one === id).length, 1);
		assert.equal(new Set(ids).size, ids.length);
	});

	test('a socket that the server has disconnected does not come back', async (t) => {
		const socket = openSocket(t, four[1], `${caddy().url}/chat`);
		await awaitConnect(socket);
		const { id } = socket;
		const gone = awaitEvent(socket, 'disconnect');
		await caddy().post('/socketio/disconnect', { namespace: '/chat', in: [id] });
		await gone;
		const back = awaitConnect(socket);
		socket.connect();
		await back;
		assert.equal(socket.recovered, false);
		assert.notEqual(socket.id, id);
	});

	for (const [title, operate, recovered, rooms] of [
		['leaves a room', (id, room) => ['leave', { in: [id], rooms: [room] }], true, []],
		['leaves by a room', (id, room) => ['leave', { in: [room], rooms: [room] }], true, []],
		['is excepted', (id, room) => ['leave', { in: [room], except: [id], rooms: [room] }], true, ['room']],
		['joins a room', (id, room) => ['join', { in: [room], rooms: ['other'] }], true, ['room', 'other']],
		['is disconnected', (id) => ['disconnect', { in: [id] }], false],
		['is disconnected by a room', (id, room) => ['disconnect', { in: [room], close: true }], false],
	]) {
		test(`a client that is away ${title}`, async (t) => {
			const socket = openSocket(t, four[1], `${caddy().url}/chat`);
			await awaitConnect(socket);
			const room = uniqueRoom();
			const { id } = socket;
			await emitWithAck(socket, 'join', room);
			await caddy().emit({ namespace: '/chat', to: [room], event: 'msg', args: [1] });
			await emitWithAck(socket, 'echo', 1);
			await lose(socket, async () => {
				const [operation, body] = operate(id, room);
				await awaitCondition(async () => !(await caddy().get('/socketio/sockets?namespace=/chat')).body.some((is) => is.id === id), 'the loss is noticed');
				assert.equal((await caddy().post(`/socketio/${operation}`, { namespace: '/chat', ...body })).status, 200);
			});
			assert.deepEqual([socket.recovered, socket.id === id], [recovered, recovered]);
			if (recovered) assert.deepEqual(await emitWithAck(socket, 'rooms'), [[id, ...rooms.map((name) => name === 'room' ? room : name)]]);
		});
	}
});

// pauseAfterEvent makes the transport of a socket, long-polling, pause after a reply with an event.
function pauseAfterEvent(socket) {
	const polling = socket.io.engine.transport;
	const pause = polling.pause.bind(polling);
	polling.pause = (paused) => {
		const wait = ({ type }) => {
			if (type !== 'message' || !socket.connected) return;
			polling.off('packet', wait);
			pause(paused);
		};
		polling.on('packet', wait);
	};
}
