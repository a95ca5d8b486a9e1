// Clients that lose their connection to one server come back to another.

import assert from 'node:assert/strict';
import { once as eventOf } from 'node:events';
import { after, before, describe, it } from 'node:test';
import Client from 'ioredis';
import { io } from 'socket.io-client';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { withDeadline } from '../e2e/lib/time.js';
import { awaitCondition, awaitMessages, connectSocket, connectThroughBalancer, emitWithAck, Node, startCaddys } from './lib/streams.js';

const settings = 'recovery 1m\nping_interval 2s';

describe('recovery', { skip: redisMissing, timeout: 120_000 }, () => {
	let redis;
	let client;
	let caddy;
	let other;
	let node;

	before(async () => {
		redis = await Redis.start();
		client = new Client(redis.port);
		node = await Node.start(redis, { recovery: true });
		[caddy, other] = await startCaddys(redis, 2, { settings });
		await node.sees(3);
	});
	after(async () => {
		await Promise.all([caddy, other, node].map((n) => n?.stop()));
		client?.disconnect();
		await redis?.stop();
	});

	const saved = async () => (await client.keys('sio:session:*')).length;
	const lose = async ({ balancer, socket }) => {
		const gone = eventOf(socket, 'disconnect');
		const before = await saved();
		balancer.cut();
		await gone;
		await awaitCondition(async () => await saved() > before, 'the session is saved');
	};

	for (const [title, servers] of [
		['Caddy to Caddy', () => [caddy, other]],
		['Caddy to the same Caddy', () => [caddy, caddy]],
		['Node to Caddy', () => [node, caddy]],
		['Caddy to Node', () => [caddy, node]],
	]) {
		it(`leads from ${title}`, async (t) => {
			const [from, to] = servers();
			const teller = await connectSocket(t, other);
			const far = await connectSocket(t, node);
			const lost = await connectThroughBalancer(t, from);
			const { socket } = lost;
			const { id } = socket;
			await emitWithAck(socket, 'join', 'room');
			await emitWithAck(socket, 'set', 'ada');
			teller.emit('to', 'room', 'before');
			await awaitMessages(socket, 1);
			await lose(lost);
			const binary = Buffer.from([0, 200]);
			const length = await client.xlen('socket.io');
			for (let i = 0; i < 50; i++) teller.emit('to', 'room', i);
			teller.emit('to', 'elsewhere', 'not for it');
			teller.emit('to', id, binary);
			await awaitCondition(async () => (await client.xlen('socket.io')) >= length + 52, 'it is recorded');
			far.emit('to', 'room', 'from node');
			await caddy.emit({ event: 'msg', args: ['to all'] });
			await awaitCondition(() => far.got.some(([first]) => first === 'to all'), 'it is recorded');
			const back = eventOf(socket, 'connect');
			lost.balancer.to(to);
			await withDeadline(back, 'connect');
			assert.equal(socket.recovered, true);
			assert.equal(socket.id, id);
			const list = (await awaitMessages(socket, 54)).slice(1);
			assert.deepEqual(list.slice(0, 50), Array.from({ length: 50 }, (_, i) => i));
			assert.deepEqual(list[50], binary);
			assert.deepEqual(list.slice(51).sort(), ['from node', 'to all']);
			assert.equal(await emitWithAck(socket, 'data'), 'ada');
			assert.deepEqual((await emitWithAck(socket, 'rooms')).sort(), [id, 'room'].sort());
			teller.emit('to', 'room', 'after');
			await awaitCondition(() => socket.got.length > 54, 'what comes after');
			assert.deepEqual(socket.got.slice(54).map(([first]) => first), ['after']);
			socket.close();
		});
	}

	it('loses nothing, and doubles nothing, under load', async (t) => {
		const lost = await connectThroughBalancer(t, caddy);
		const { socket } = lost;
		await emitWithAck(socket, 'join', 'busy');
		const teller = await connectSocket(t, other);
		const far = await connectSocket(t, node);
		let sent = 0;
		const timer = setInterval(() => {
			for (const s of [teller, far]) s.emit('to', 'busy', sent++);
		}, 1);
		t.after(() => clearInterval(timer));
		for (const to of [other, caddy, caddy, other]) {
			await awaitCondition(() => socket.got.length > 0 && sent % 100 > 80, 'some time');
			await lose(lost);
			const back = eventOf(socket, 'connect');
			lost.balancer.to(to);
			await withDeadline(back, 'connect');
			assert.equal(socket.recovered, true);
		}
		clearInterval(timer);
		await awaitMessages(socket, sent);
		const numbers = socket.got.map(([n]) => n);
		assert.equal(new Set(numbers).size, sent);
		assert.equal(numbers.length, sent);
		for (const parity of [0, 1]) {
			const mine = numbers.filter((n) => n % 2 === parity);
			assert.deepEqual(mine, mine.toSorted((a, b) => a - b));
		}
	});

	it('leads from a connection that only the client knows to be lost', async (t) => {
		const lost = await connectThroughBalancer(t, caddy);
		const { socket, balancer } = lost;
		const { id } = socket;
		await emitWithAck(socket, 'join', 'half open');
		const teller = await connectSocket(t, other);
		teller.emit('to', 'half open', 'before');
		await awaitMessages(socket, 1);
		balancer.freeze();
		for (let i = 0; i < 20; i++) teller.emit('to', 'half open', i);
		await emitWithAck(teller, 'rooms');
		const back = eventOf(socket, 'connect');
		socket.io.engine.close();
		await withDeadline(back, 'connect');
		assert.deepEqual([socket.recovered, socket.id], [true, id]);
		assert.deepEqual(await awaitMessages(socket, 21), ['before', ...Array.from({ length: 20 }, (_, i) => i)]);
	});

	for (const [title, from, to, operate] of [
		['an API', () => caddy, () => other, (room) => caddy.post('/socketio/leave', { in: [room], rooms: [room] })],
		['the API of another Caddy', () => caddy, () => caddy, (room) => other.post('/socketio/leave', { in: [room], rooms: [room] })],
		['Node.js', () => caddy, () => caddy, (room) => node.io.in(room).socketsLeave(room)],
		['Node.js, where it was', () => node, () => caddy, (room) => node.io.in(room).socketsLeave(room)],
	]) {
		it(`has a client that is away leave a room by ${title}`, async (t) => {
			const room = `left by ${title}`;
			const lost = await connectThroughBalancer(t, from());
			const { socket } = lost;
			const { id } = socket;
			await emitWithAck(socket, 'join', room);
			await lose(lost);
			const length = await client.xlen('socket.io');
			await operate(room);
			await awaitCondition(async () => await client.xlen('socket.io') > length, 'it is in the stream');
			await caddy.emit({ to: [room], event: 'msg', args: ['not for it'] });
			await caddy.emit({ to: [id], event: 'msg', args: ['end'] });
			const back = eventOf(socket, 'connect');
			lost.balancer.to(to());
			await withDeadline(back, 'connect');
			assert.deepEqual([socket.recovered, socket.id], [true, id]);
			assert.deepEqual(await awaitMessages(socket, 1), ['end']);
			assert.deepEqual(await emitWithAck(socket, 'rooms'), [id]);
		});
	}

	it('does not bring back who was disconnected while away, even when the server is gone', async (t) => {
		const [gone] = await startCaddys(redis, 1, { settings });
		t.after(() => gone.stop());
		const lost = await connectThroughBalancer(t, gone);
		const { socket } = lost;
		const { id } = socket;
		await lose(lost);
		await gone.stop();
		await other.post('/socketio/disconnect', { in: [id] });
		const back = eventOf(socket, 'connect');
		lost.balancer.to(caddy);
		await withDeadline(back, 'connect');
		assert.equal(socket.recovered, false);
		assert.notEqual(socket.id, id);
	});

	for (const [title, transport, lose] of [
		['a connection that only the client knows to be lost', 'websocket', ({ balancer, socket }) => {
			balancer.freeze();
			balancer.to(other);
			socket.io.engine.close();
		}],
		['long-polling', 'polling', ({ balancer }) => {
			balancer.cut();
			balancer.to(other);
		}],
	]) {
		it(`leads from ${title} to another Caddy at once`, async (t) => {
			for (let round = 0; round < 3; round++) {
				const lost = await connectThroughBalancer(t, caddy, { transports: [transport] });
				const { socket } = lost;
				const { id } = socket;
				await emitWithAck(socket, 'join', `${transport} ${round}`);
				const teller = await connectSocket(t, other);
				teller.emit('to', `${transport} ${round}`, 'before');
				await awaitMessages(socket, 1);
				const back = eventOf(socket, 'connect');
				lose(lost);
				await withDeadline(back, 'connect');
				assert.deepEqual([socket.recovered, socket.id], [true, id]);
				teller.emit('to', `${transport} ${round}`, 'after');
				assert.deepEqual(await awaitMessages(socket, 2), ['before', 'after']);
				socket.close();
			}
		});
	}

	it('sends nothing twice that was emitted while Redis was frozen', async (t) => {
		const lost = await connectThroughBalancer(t, caddy);
		const { socket } = lost;
		await emitWithAck(socket, 'join', 'frozen');
		const teller = await connectSocket(t, caddy);
		teller.emit('to', 'frozen', 'before');
		await awaitMessages(socket, 1);
		const length = await client.xlen('socket.io');
		redis.freeze();
		t.after(() => redis.thaw());
		for (let i = 0; i < 5; i++) teller.emit('to', 'frozen', i);
		await awaitMessages(socket, 6); // emits do not wait for Redis for long
		redis.thaw();
		await awaitCondition(async () => await client.xlen('socket.io') >= length + 5, 'they are in the stream');
		await awaitCondition(async () => (await caddy.get('/socketio/')).body.hubs[0].cluster.connected, 'the cluster is connected');
		await lose(lost);
		const back = eventOf(socket, 'connect');
		lost.balancer.to(other);
		await withDeadline(back, 'connect');
		assert.equal(socket.recovered, true);
		teller.emit('to', 'frozen', 'after');
		await awaitCondition(() => socket.got.some(([first]) => first === 'after'), 'what comes after');
		assert.deepEqual(socket.got.map(([first]) => first), ['before', 0, 1, 2, 3, 4, 'after']);
	});

	it('begins anew without a session', async (t) => {
		const lost = await connectThroughBalancer(t, caddy, { name: '/chat' });
		const { id } = lost.socket;
		await lose(lost);
		await client.del(await client.keys('sio:session:*'));
		const greeted = new Promise((resolve) => lost.socket.once('hello', resolve));
		lost.balancer.to(other);
		await withDeadline(greeted, 'hello');
		assert.equal(lost.socket.recovered, false);
		assert.notEqual(lost.socket.id, id);
	});

	it('keeps namespaces apart', async (t) => {
		const lost = await connectThroughBalancer(t, caddy);
		const { _pid: pid, _lastOffset: offset, id } = lost.socket;
		await lose(lost);
		const thief = io(`${other.url}/chat`, { forceNew: true, reconnection: false, transports: ['websocket'], auth: { pid, offset } });
		t.after(() => thief.close());
		await withDeadline(eventOf(thief, 'connect'), 'connect');
		assert.notEqual(thief.id, id);
	});

	it('is sent nothing malformed', () => assert.deepEqual(node.errors, []));
});
