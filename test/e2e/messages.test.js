// The contents of events: acknowledgements, types, text and binary.

import assert from 'node:assert/strict';
import { awaitDelivery, connectSocket, emitWithAck, Inbox, uniqueRoom } from './lib/clients.js';
import { describeWithCaddy, namespace, socketio, testEachClient } from './lib/rules.js';
import { awaitEvent } from './lib/time.js';

// plain turns every ArrayBuffer and view in a value into a Buffer.
function plain(value) {
	if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return Buffer.from(value.buffer ?? value, value.byteOffset, value.byteLength);
	if (Array.isArray(value)) return value.map(plain);
	if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
	return value;
}

const texts = ['', 'ascii', 'é€𝄞 👩‍🚀', '\u0000\u001e\u2028\ufeff', '"quoted" \\ {socket.id} {$HOME} ${x}', 'x'.repeat(200_000), '𝄞'.repeat(50_000)];
const values = [null, true, 0, -1.5, 1e21, [], {}, { a: [{ b: null }] }, [1, ['two', [3]]]];

const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

describeWithCaddy('messages', socketio(namespace('/') + namespace('/chat')), (caddy) => {
	testEachClient('an acknowledgement gives back what was sent, with its type', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		for (const value of [...texts, ...values]) {
			assert.deepEqual((await emitWithAck(a, 'echo', value, 'second')), [value, 'second']);
		}
		assert.deepEqual(await emitWithAck(a, 'list', 1, 'two', { three: 3 }), [1, 'two', { three: 3 }]);
		assert.deepEqual(await emitWithAck(a, 'list'), []);
	});

	testEachClient('many acknowledgements at once each find their call', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => emitWithAck(a, 'echo', i, String(i))));
		assert.deepEqual(answers, Array.from({ length: 100 }, (_, i) => [i, String(i)]));
	});

	testEachClient('an event is acknowledged once, and only where that was asked', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		let answers = 0;
		a.emit('twice', () => answers++);
		a.emit('twice');
		assert.deepEqual(await emitWithAck(a, 'twice'), ['first']);
		await awaitDelivery(a, a);
		assert.equal(answers, 1);
	});

	testEachClient('a placeholder alone keeps its type, and in a text becomes text', async (t, kind) => {
		const a = await connectSocket(t, kind, `${caddy().url}/chat`);
		const answer = await emitWithAck(a, 'pick', { name: 'ada', deep: [0, { n: 1 }] });
		assert.deepEqual(answer, [{ n: 1 }, 'got ada in /chat', 42, { json: [true] }, 'text']);
	});

	testEachClient('a socket keeps what is set on it', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const b = await connectSocket(t, kind, caddy().url);
		assert.deepEqual(await emitWithAck(a, 'get name'), ['nobody']);
		assert.deepEqual(await emitWithAck(a, 'set name', { first: 'Ada', tags: [1] }), [{ first: 'Ada', tags: [1] }, 'Ada']);
		assert.deepEqual(await emitWithAck(a, 'get name'), [{ first: 'Ada', tags: [1] }]);
		assert.deepEqual(await emitWithAck(b, 'get name'), ['nobody']);
	});

	testEachClient('a glob matches events by name, in the written order', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const got = new Inbox(a, 'msg');
		for (const event of ['quiet one', 'unheard of', 'quiet ', 'quiet two words']) a.emit(event, event);
		await awaitDelivery(a, a);
		assert.deepEqual(got.all, [['quiet one'], ['quiet '], ['quiet two words']]);
	});

	testEachClient('binary goes both ways, at any depth', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const b = await connectSocket(t, kind, caddy().url);
		const room = uniqueRoom();
		await emitWithAck(b, 'join', room);
		const message = { file: every, list: [Buffer.alloc(0), { deep: [Buffer.from('𝄞')] }], text: '☕', none: null };
		assert.deepEqual(plain(await emitWithAck(a, 'echo', message, every)), [message, every]);
		const said = awaitEvent(b, 'msg');
		a.emit('to', room, message);
		assert.deepEqual(plain(await said), [message]);
		const big = Buffer.alloc(500_000, every);
		assert.deepEqual(plain(await emitWithAck(a, 'echo', big, 0)), [big, 0]);
		assert.deepEqual(plain(await emitWithAck(a, 'pick', { deep: [0, every] })).slice(0, 1), [every]);
	});

	testEachClient('binary and text keep their order', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const got = new Inbox(a, 'msg');
		for (let i = 0; i < 100; i++) a.emit('self', i % 2 ? i : { i: [Buffer.from([i])] });
		await got.has(100);
		assert.deepEqual(got.all.map(([m]) => (typeof m === 'number' ? m : plain(m).i[0][0])), Array.from({ length: 100 }, (_, i) => i));
	});

	testEachClient('ten attachments pass', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const ten = Array.from({ length: 10 }, (_, i) => Buffer.from([i]));
		assert.deepEqual(plain(await emitWithAck(a, 'echo', ten, 0)), [ten, 0]);
	});

	testEachClient('a message larger than max_payload closes the connection', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const b = await connectSocket(t, kind, caddy().url);
		const closed = awaitEvent(a, 'disconnect');
		a.emit('echo', 'x'.repeat(1_100_000));
		assert.match((await closed)[0], /^transport (close|error)$/);
		assert.deepEqual(await emitWithAck(b, 'echo', 1, 2), [1, 2]);
	});
});

describeWithCaddy('compressed messages', socketio(namespace('/'), 'compression on'), (caddy) => {
	testEachClient('short, long and binary ones go both ways, compressed or not', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const b = await connectSocket(t, kind, caddy().url);
		const { transport } = a.io.engine;
		if (kind.transport !== 'polling') assert.match(transport.ws.extensions, /permessage-deflate/);
		for (const value of texts) assert.deepEqual(await emitWithAck(a, 'echo', value, 0), [value, 0]);
		const big = Buffer.alloc(300_000, every);
		assert.deepEqual(plain(await emitWithAck(a, 'echo', big, { big: [big] })), [big, { big: [big] }]);
		const room = uniqueRoom();
		await emitWithAck(b, 'join', room);
		const got = new Inbox(b, 'msg');
		for (const [i, text] of texts.entries()) a.emit(i % 2 ? 'to' : 'local', room, text);
		await awaitDelivery(a, b);
		assert.deepEqual(got.all, texts.map((text) => [text]));
	});
});
