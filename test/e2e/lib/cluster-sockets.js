// Sockets of several nodes, shared by the tests of clusters: connecting them, and the
// messages that they get from each other.

import assert from 'node:assert/strict';
import { deadlineMs, withDeadline } from './time.js';

// awaitCondition waits until the condition holds.
export async function awaitCondition(condition, what, ms = deadlineMs) {
	const deadline = Date.now() + ms;
	while (!await condition()) {
		if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
		await new Promise(setImmediate);
	}
}

// countSubscribers counts the subscribers of a channel of Redis, of pub/sub or of
// sharded pub/sub.
export async function countSubscribers(client, channel, command = 'NUMSUB') {
	return Number((await client.pubsub(command, channel))[1]);
}

// collectMessages keeps the messages that a socket gets, in got, and closes it after the test.
export function collectMessages(t, socket) {
	t.after(() => socket.close());
	socket.got = [];
	socket.on('msg', (...args) => socket.got.push(args));
	return socket;
}

// awaitConnect waits until a socket is connected.
export function awaitConnect(socket) {
	return withDeadline(new Promise((resolve, reject) => {
		socket.on('connect', resolve);
		socket.on('connect_error', reject);
	}), 'connect');
}

// emitWithAck emits an event and resolves to its acknowledgement.
export function emitWithAck(socket, ...args) {
	return withDeadline(new Promise((resolve) => socket.emit(...args, resolve)), `ack of ${args[0]}`);
}

// awaitMessages waits until a socket got so many messages, and resolves to their first arguments.
export async function awaitMessages(socket, count) {
	await withDeadline(new Promise((resolve) => {
		const look = () => socket.got.length >= count && resolve();
		socket.on('msg', look);
		look();
	}), `${count} messages, not ${socket.got.length}`);
	return socket.got.map(([first]) => first);
}

// assertOrderKept has two of three sockets emit to a room that all are in: the messages of each arrive in
// order, among the other's.
export async function assertOrderKept(sockets) {
	for (const socket of sockets) await emitWithAck(socket, 'join', 'order');
	const count = 500;
	for (let i = 0; i < count; i++) sockets[0].emit('to', 'order', i);
	for (let i = 0; i < count; i++) sockets[2].emit('to', 'order', i);
	const all = Array.from({ length: count }, (_, i) => i);
	assert.deepEqual(await awaitMessages(sockets[0], count), all);
	assert.deepEqual(await awaitMessages(sockets[2], count), all);
	const mixed = await awaitMessages(sockets[1], 2 * count);
	assert.equal(mixed.length, 2 * count);
	assert.deepEqual(mixed.toSorted((a, b) => a - b), all.flatMap((i) => [i, i]));
}

// assertRedisKillsSurvived kills Redis while sockets of two servers emit to a room: sockets near
// them, in the same order, lose nothing of their own node, and get the messages of the other in
// order. Settled waits until the nodes have found each other again.
export async function assertRedisKillsSurvived(t, { redis, sockets, near, settled, pause }) {
	for (const socket of [...sockets, ...near]) await emitWithAck(socket, 'join', 'load');
	let sent = 0;
	const timer = setInterval(() => {
		for (const [i, socket] of sockets.entries()) socket.emit('to', 'load', [i, sent]);
		sent++;
	}, pause);
	t.after(() => clearInterval(timer));
	for (let i = 0; i < 2; i++) {
		await redis.down();
		const [before] = near.map(({ got }) => got.length);
		await awaitCondition(() => near[0].got.length > before + 100, 'local sockets go on');
		await redis.up();
		const back = sent;
		const heard = (socket, from) => socket.got.some(([[i, n]]) => i === from && n > back);
		await awaitCondition(() => heard(near[0], 1) && heard(near[1], 0), 'all hear each other');
		await settled();
	}
	clearInterval(timer);
	for (const [i, socket] of near.entries()) {
		const from = (j) => socket.got.filter(([[k]]) => k === j).map(([[, n]]) => n);
		await awaitCondition(() => from(i).length === sent && from(1 - i).at(-1) === sent - 1, 'the last message');
		assert.deepEqual(from(i), Array.from({ length: sent }, (_, n) => n)); // of its own server, all
		const others = from(1 - i); // of the other one in order, once
		assert.ok(others.every((n, k) => k === 0 || n > others[k - 1]));
	}
}
