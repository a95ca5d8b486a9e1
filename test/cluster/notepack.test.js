// MessagePack as Caddy writes and reads it beside notepack.io, which Node.js's adapters
// use: random values, both ways. SEED has a run repeated.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import Client from 'ioredis';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { awaitCondition, connectSocket, emitWithAck, startCaddys } from './lib/cluster.js';

const require = createRequire(import.meta.url);
const of = (name) => createRequire(require.resolve(name))('notepack.io');
const packers = { 'redis-adapter 8': of('@socket.io/redis-adapter'), 'redis-emitter 4': of('redis-emitter-4'), 'socket.io-emitter 3': of('socket.io-emitter') };
const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
const count = 400;

// random is a source of numbers below 1 that a seed repeats (mulberry32).
function random(state) {
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}

// Values makes values of all kinds, at the edges of MessagePack's formats.
class Values {
	binaries = 0; // in the value that is being made: Caddy takes ten in one packet

	// Of integers that JavaScript does not have exactly, Caddy keeps the digits that
	// it is sent, and writes other bytes for the same number.
	constructor(state, { largest }) {
		this.random = random(state);
		this.largest = largest;
	}

	pick(list) {
		return list[Math.floor(this.random() * list.length)];
	}

	// size is that of text, mostly a short one.
	size() {
		return this.pick(this.random() < 0.95 ? [0, 1, 2, 15, 16, 31, 32, 33] : [255, 256, 65535, 65536]);
	}

	next() {
		for (;;) {
			this.binaries = 0;
			const value = this.value(0);
			if (JSON.stringify(value).length < 200_000) return value; // more is too large a message
		}
	}

	value(depth) {
		const kinds = ['number', 'number', 'text', 'simple', 'binary', ...(depth < 6 ? ['array', 'object'] : [])];
		return this[this.pick(kinds)](depth);
	}

	number() {
		const edge = 2 ** this.pick([0, 5, 7, 8, 15, 16, 31, 32, 52, 53, 62, 63].filter((bits) => bits <= this.largest));
		const n = edge + this.pick([-2, -1, 0, -0.5, -this.random()]);
		return this.pick([n, -n, this.random() * 1e-7, this.random() * 2 ** this.largest, 0]);
	}

	text() {
		return this.pick(['a', '\0', '"', 'é', '日', '𝄞', '\u2028', '__proto__']).repeat(this.size());
	}

	simple() {
		return this.pick([null, true, false]);
	}

	binary() {
		if (this.binaries++ >= 9) return null;
		return Buffer.alloc(this.size(), 0xa5);
	}

	array(depth) {
		const size = depth === 0 ? this.pick([0, 1, 15, 16, 17, 300]) : this.pick([0, 1, 2, 3]);
		return Array.from({ length: size }, () => this.value(depth + 1));
	}

	object(depth) {
		const keys = Array.from({ length: this.pick(depth === 0 ? [0, 1, 15, 16, 17] : [0, 1, 2]) }, (_, i) => `${this.pick(['k', 'é', '', '10', '-1', '"'])}${i}`);
		return Object.fromEntries(keys.map((key) => [key, this.value(depth + 1)]));
	}
}

// plain is a value as JSON has it, with the binary values in it.
function plain(value) {
	if (value instanceof Uint8Array) return Buffer.from(value);
	if (value instanceof Date) return value.toISOString();
	if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : plain(item)));
	if (typeof value === 'object' && value !== null) {
		return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, plain(item)]));
	}
	return Number.isFinite(value) || typeof value !== 'number' ? (Object.is(value, -0) ? 0 : value) : null;
}

// differs says where bytes first differ.
function differs(got, want, i) {
	const at = got.findIndex((byte, n) => byte !== want[n]);
	return `value ${i} from byte ${at}: ${got.subarray(at - 8, at + 16).toString('hex')}, not ${want.subarray(at - 8, at + 16).toString('hex')}`;
}

describe(`beside notepack.io, with SEED=${seed}`, { skip: redisMissing, timeout: 60_000 }, () => {
	let redis;
	let client;
	let subscriber;
	let caddy;

	before(async () => {
		redis = await Redis.start();
		client = new Client(redis.port);
		subscriber = new Client(redis.port);
		[caddy] = await startCaddys(redis, 1);
	});
	after(async () => {
		await caddy?.stop();
		client?.disconnect();
		subscriber?.disconnect();
		await redis?.stop();
	});

	it('writes the same', async (t) => {
		const socket = await connectSocket(t, caddy);
		const messages = [];
		await subscriber.subscribe('socket.io#/#written#');
		subscriber.on('messageBuffer', (channel, message) => messages.push(message));
		const values = new Values(seed, { largest: 53 });
		for (let i = 0; i < count; i++) {
			const value = values.next();
			socket.emit('to', 'written', value);
			await awaitCondition(() => messages.length > i, `message ${i}`);
			const [uid] = packers['redis-adapter 8'].decode(messages[i]);
			const want = [uid, { type: 2, data: ['msg', plain(value)], nsp: '/' }, { rooms: ['written'], except: [socket.id], flags: {} }];
			assert.ok(messages[i].equals(packers['redis-adapter 8'].encode(want)), differs(messages[i], packers['redis-adapter 8'].encode(want), i));
		}
	});

	for (const [name, packer] of Object.entries(packers)) {
		it(`reads what ${name} writes`, async (t) => {
			const socket = await connectSocket(t, caddy);
			await emitWithAck(socket, 'join', 'read');
			const values = new Values(seed + 1, { largest: 63 });
			const sent = Array.from({ length: count }, () => [
				values.next(), values.pick([undefined, NaN, -Infinity, -0, new Date(Math.floor(values.random() * 4e12) - 1e12), new Uint8Array([1, 2, 255]), 2 ** 63]),
			]);
			for (const [i, args] of sent.entries()) {
				await client.publish('socket.io#/#read#', packer.encode(['x', { type: 2, data: ['msg', ...args], nsp: '/' }, { rooms: ['read'] }]));
				await awaitCondition(() => socket.got.length > i, `value ${i}`);
				assert.deepEqual(socket.got[i], plain(args), `value ${i}`);
			}
		});
	}
});
