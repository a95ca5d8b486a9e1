// The admin API: emits from outside, and requests about rooms.

import assert from 'node:assert/strict';
import { run } from './lib/caddy.js';
import { awaitCondition } from './lib/cluster-sockets.js';
import { awaitConnect, connectSocket, emitWithAck, Inbox, inboxes, kind, kinds, uniqueRoom } from './lib/clients.js';
import { Poller } from './lib/poller.js';
import { describeWithCaddy, namespace, socketio, test, testEachClient } from './lib/rules.js';
import { awaitEvent, withDeadline } from './lib/time.js';

const binary = (text) => ({ $binary: Buffer.from(text).toString('base64') });

describeWithCaddy('admin API', socketio(namespace('/') + namespace('/chat'), 'max_queue 64MB'), (caddy) => {
	const several = (t, k, count) => Promise.all(Array.from({ length: count }, () => connectSocket(t, k, `${caddy().url}/chat`)));

	// seen returns when everything emitted from outside so far has arrived.
	async function seen(...sockets) {
		const token = uniqueRoom('token');
		const arrived = sockets.map((socket) => awaitEvent(socket, 'fence', (got) => got === token));
		await caddy().emit({ namespace: '/chat', event: 'fence', args: [token] });
		await Promise.all(arrived);
	}

	testEachClient('an emit reaches the union of its rooms once, without the excepted', async (t, k) => {
		const sockets = await several(t, k, 4);
		const [a, b, c] = sockets;
		const [x, y, z] = [uniqueRoom(), uniqueRoom(), uniqueRoom()];
		await emitWithAck(a, 'join', [x, y]);
		await emitWithAck(b, 'join', y);
		await emitWithAck(c, 'join', [x, z]);
		const got = inboxes(sockets, 'news');
		const answer = await caddy().emit({
			namespace: '/chat', to: [x, y], except: [z], event: 'news', args: [1, 'two', { three: [null] }, binary('☕')],
		});
		assert.deepEqual(answer, { delivered: 2 });
		await seen(...sockets);
		assert.deepEqual(got.map((inbox) => inbox.all.length), [1, 1, 0, 0]);
		const [one, two, three, file] = got[0].all[0];
		assert.deepEqual([one, two, three, Buffer.from(file).toString()], [1, 'two', { three: [null] }, '☕']);
	});

	testEachClient('an emit to nobody in particular reaches the namespace', async (t, k) => {
		const chat = await several(t, k, 2);
		const root = await connectSocket(t, k, caddy().url);
		const got = inboxes([...chat, root], 'news');
		const { delivered } = await caddy().emit({ namespace: '/chat', event: 'news', args: [] });
		assert.ok(delivered >= 2);
		await seen(...chat);
		assert.deepEqual(got.map((inbox) => inbox.all), [[[]], [[]], []]);
		assert.deepEqual(await caddy().emit({ namespace: '/chat', to: [uniqueRoom()], event: 'news' }), { delivered: 0 });
	});

	testEachClient('a batch is emitted in order', async (t, k) => {
		const [a] = await several(t, k, 1);
		const got = new Inbox(a, 'news');
		const batch = Array.from({ length: 50 }, (_, i) => ({ namespace: '/chat', to: [a.id], event: 'news', args: [i] }));
		assert.deepEqual(await caddy().emit(batch), { emits: 50, delivered: 50, errors: [] });
		await got.has(50);
		assert.deepEqual(got.all.flat(), batch.map((_, i) => i));
	});

	testEachClient('lines are emitted one by one, and a bad one is named', async (t, k) => {
		const [a] = await several(t, k, 1);
		const got = new Inbox(a, 'news');
		const line = (i) => JSON.stringify({ namespace: '/chat', to: [a.id], event: 'news', args: [i] });
		const { status, body } = await caddy().post('/socketio/emit', [line(1), '{"event":', line(2), ''].join('\n'), 'application/x-ndjson');
		assert.equal(status, 200);
		assert.deepEqual([body.emits, body.delivered, body.errors.map((e) => e.index)], [2, 2, [1]]);
		await got.has(2);
		assert.deepEqual(got.all, [[1], [2]]);
	});

	test('20,000 lines of one request arrive in order', async (t) => {
		const count = 20_000;
		const a = await connectSocket(t, kind(4, 'websocket'), `${caddy().url}/chat`);
		const got = [];
		const all = new Promise((resolve) => a.on('tick', (i) => got.push(i) === count && resolve()));
		const lines = Array.from({ length: count }, (_, i) => `{"to":["${a.id}"],"event":"tick","args":[${i}]}\n`).join('');
		const request = caddy().post('/socketio/emit?namespace=/chat', lines, 'application/x-ndjson');
		assert.deepEqual((await request).body, { emits: count, delivered: count, errors: [] });
		await withDeadline(all, 'the last line');
		assert.equal(got.findIndex((value, i) => value !== i), -1);
	});

	testEachClient('clients acknowledge an emit from outside', async (t, k) => {
		const [a, b, c] = await several(t, k, 3);
		const room = uniqueRoom();
		for (const socket of [a, b]) {
			await emitWithAck(socket, 'join', room);
			socket.on('question', (value, answer) => answer({ id: socket.id, value, file: Buffer.from('yes') }));
		}
		const ask = { namespace: '/chat', to: [room], event: 'question', args: [42], ack: { timeout: '5s' } };
		const answer = await caddy().emit(ask);
		assert.equal(answer.delivered, 2);
		assert.equal(answer.complete, true);
		const byId = (list) => list.sort(([x], [y]) => (x.id < y.id ? -1 : 1));
		assert.deepEqual(byId(answer.responses), byId([a, b].map(({ id }) => [{ id, value: 42, file: binary('yes') }])));

		await emitWithAck(c, 'join', room); // never answers
		const partial = await caddy().emit({ ...ask, ack: { timeout: '1s' } });
		assert.deepEqual([partial.delivered, partial.responses.length, partial.complete], [3, 2, false]);
	});

	test('a volatile emit is for those that can take it at once', async (t) => {
		const ws = await connectSocket(t, kind(4, 'websocket'), `${caddy().url}/chat`);
		const got = new Inbox(ws, 'news');
		const poller = new Poller(caddy().url);
		await poller.open('/chat');
		const news = { namespace: '/chat', event: 'news' };
		await caddy().emit({ ...news, args: ['volatile'], volatile: true });
		await caddy().emit({ ...news, args: ['lasting'] });
		await got.has(2);
		assert.deepEqual(got.all, [['volatile'], ['lasting']]);
		assert.deepEqual(await poller.get(), ['42/chat,["news","lasting"]']);
	});

	testEachClient('sockets are moved and disconnected from outside', async (t, k) => {
		const [a, b] = await several(t, k, 2);
		const [x, y] = [uniqueRoom(), uniqueRoom()];
		await emitWithAck(a, 'join', x);
		const at = { namespace: '/chat' };
		assert.deepEqual((await caddy().post('/socketio/join', { ...at, in: [x, b.id], rooms: [y] })).body, { sockets: 2 });
		assert.deepEqual(await emitWithAck(a, 'rooms'), [[a.id, x, y]]);
		assert.deepEqual(await emitWithAck(b, 'rooms'), [[b.id, y]]);
		assert.deepEqual((await caddy().post('/socketio/leave', { ...at, in: [y], except: [b.id], rooms: [y] })).body, { sockets: 1 });
		assert.deepEqual(await emitWithAck(a, 'rooms'), [[a.id, x]]);
		const reasons = Promise.all([awaitEvent(a, 'disconnect'), awaitEvent(b, 'disconnect')]);
		assert.deepEqual((await caddy().post('/socketio/disconnect', { ...at, in: [x] })).body, { sockets: 1 });
		assert.deepEqual((await caddy().post('/socketio/disconnect', { ...at, in: [b.id], close: true })).body, { sockets: 1 });
		for (const [reason] of await reasons) assert.equal(reason, 'io server disconnect');
	});

	test('listings', async (t) => {
		const sockets = await several(t, kind(4, 'websocket'), 3);
		const [a, b, c] = sockets;
		const prefix = uniqueRoom('list');
		await emitWithAck(a, 'join', [`${prefix}:1`, `${prefix}:2`, `${prefix}:3`]);
		await emitWithAck(b, 'join', `${prefix}:2`);
		await emitWithAck(c, 'join', `${prefix}:2`);
		await emitWithAck(a, 'set name', 'ada');

		const { body: namespaces } = await caddy().get('/socketio/namespaces');
		const chat = namespaces.find(({ name }) => name === '/chat');
		assert.ok(chat.sockets >= 3 && chat.rooms >= 6);
		assert.ok(namespaces.some(({ name }) => name === '/'));

		const rooms = async (query) => (await caddy().get(`/socketio/rooms?${new URLSearchParams({ namespace: '/chat', prefix, ...query })}`)).body;
		const all = [{ name: `${prefix}:1`, sockets: 1 }, { name: `${prefix}:2`, sockets: 3 }, { name: `${prefix}:3`, sockets: 1 }];
		assert.deepEqual(await rooms({}), all);
		assert.deepEqual(await rooms({ limit: 2 }), all.slice(0, 2));
		assert.deepEqual(await rooms({ limit: 2, after: `${prefix}:2` }), all.slice(2));

		const list = async (...query) => (await caddy().get(`/socketio/sockets?${new URLSearchParams([['namespace', '/chat'], ...query])}`)).body;
		const found = await list(['in', `${prefix}:2`], ['except', b.id]);
		assert.deepEqual(found.map(({ id }) => id).sort(), [a.id, c.id].sort());
		const ada = found.find(({ id }) => id === a.id);
		assert.deepEqual(ada.rooms, [a.id, `${prefix}:1`, `${prefix}:2`, `${prefix}:3`]);
		assert.deepEqual(ada.data, { name: 'ada' });
		assert.equal(ada.handshake.address, '127.0.0.1');
		assert.equal(ada.handshake.secure, false);
		assert.match(ada.handshake.url, /^\/socket\.io\/\?/);
		assert.equal(ada.handshake.query.EIO, '4');
		assert.ok(Date.parse(ada.handshake.time) <= Date.now());

		const first = await list(['in', `${prefix}:2`], ['limit', '2']);
		const rest = await list(['in', `${prefix}:2`], ['limit', '2'], ['after', first[1].id]);
		assert.deepEqual([...first, ...rest].map(({ id }) => id).sort(), sockets.map(({ id }) => id).sort());

		const { body: overview } = await caddy().get('/socketio/');
		assert.equal(typeof overview.version, 'string');
	});

	const bad = [
		['no event', '/socketio/emit', { namespace: '/chat' }, 400],
		['an event that is no string', '/socketio/emit', { namespace: '/chat', event: 1 }, 400],
		['args that are no list', '/socketio/emit', { namespace: '/chat', event: 'news', args: 'x' }, 400],
		['a reserved event', '/socketio/emit', { namespace: '/chat', event: 'disconnect' }, 400],
		['an unknown key', '/socketio/emit', { namespace: '/chat', event: 'news', too: ['x'] }, 400],
		['half a body', '/socketio/emit', '{"namespace":"/chat","event":"news"', 400],
		['a namespace that is not there', '/socketio/emit', { namespace: '/nowhere', event: 'news' }, 404],
		['a hub that is not there', '/socketio/emit', { hub: 'nowhere', event: 'news' }, 404],
		['no rooms to join', '/socketio/join', { namespace: '/chat', in: [], rooms: [] }, 400],
	];
	for (const [what, path, body, expected] of bad) {
		test(`${what} is an error, and nothing is emitted`, async (t) => {
			const [a] = await several(t, kind(4, 'websocket'), 1);
			const got = new Inbox(a, 'news');
			const { status, body: answer } = await caddy().post(path, body);
			assert.equal(status, expected, JSON.stringify(answer));
			assert.equal(typeof answer.error, 'string');
			await seen(a);
			assert.deepEqual(got.all, []);
		});
	}

	test('a wrong member of a batch is named, the others are emitted', async (t) => {
		const [a] = await several(t, kind(4, 'websocket'), 1);
		const got = new Inbox(a, 'news');
		const batch = [{ namespace: '/chat' }, { namespace: '/chat', to: [a.id], event: 'news', args: [1] }];
		const { status, body } = await caddy().post('/socketio/emit', batch);
		assert.equal(status, 200);
		assert.equal(body.delivered, 1);
		assert.deepEqual(body.errors.map((e) => e.index), [0]);
		await got.has(1);
	});

	test('methods and content types are checked', async () => {
		assert.equal((await caddy().get('/socketio/emit')).status, 405);
		assert.equal((await caddy().post('/socketio/rooms', {})).status, 405);
		assert.equal((await caddy().post('/socketio/emit', '{"event":"news"}', 'text/plain')).status, 415);
		assert.equal((await caddy().get('/socketio/nowhere')).status, 404);
	});

	test('the command speaks with the admin API', async (t) => {
		const [a, b] = await several(t, kind(4, 'websocket'), 2);
		const got = new Inbox(a, 'news');
		a.on('question', (answer) => answer('yes'));
		const room = uniqueRoom('cli');
		await emitWithAck(a, 'join', room);
		const command = async (args, options) => {
			const { code, stdout, stderr } = await run(['socketio', ...args, '--address', caddy().admin, '--namespace', '/chat', '--json'], options);
			assert.equal(code, 0, stderr);
			return JSON.parse(stdout);
		};
		assert.deepEqual(await command(['rooms', '--prefix', room]), [{ name: room, sockets: 1 }]);
		assert.equal((await command(['emit', 'news', 'text', '{"n":1}', '--to', room])).delivered, 1);
		assert.deepEqual((await command(['emit', 'question', '--to', room, '--ack', '5s'])).responses, [['yes']]);
		const lines = [3, 4].map((n) => JSON.stringify({ namespace: '/chat', to: [room], event: 'news', args: [n] })).join('\n');
		assert.equal((await command(['emit', '-'], { input: lines })).emits, 2);
		await got.has(3);
		assert.deepEqual(got.all, [['text', { n: 1 }], [3], [4]]);

		assert.equal((await command(['join', room, '--in', b.id])).sockets, 1);
		assert.deepEqual(await emitWithAck(b, 'rooms'), [[b.id, room]]);
		assert.deepEqual((await command(['sockets', '--in', room])).map(({ id }) => id).sort(), [a.id, b.id].sort());
		assert.equal((await command(['leave', room, '--in', b.id])).sockets, 1);
		const reason = awaitEvent(b, 'disconnect');
		assert.equal((await command(['disconnect', '--in', b.id])).sockets, 1);
		assert.equal((await reason)[0], 'io server disconnect');
		assert.ok((await command(['namespaces'])).some(({ name }) => name === '/chat'));

		const table = await run(['socketio', 'rooms', '--address', caddy().admin, '--namespace', '/chat', '--prefix', room]);
		assert.equal(table.code, 0);
		assert.match(table.stdout, new RegExp(room));
		const wrong = await run(['socketio', 'rooms', '--address', caddy().admin, '--namespace', '/nowhere']);
		assert.notEqual(wrong.code, 0);
		assert.equal(wrong.stderr.trim().split('\n').length, 1, wrong.stderr);
	});

	testEachClient('the inspector shows a socket, and why it disconnected', async (t, k) => {
		const socket = await connectSocket(t, k, `${caddy().url}/chat?token=secret`);
		const { id } = socket;
		const room = `${uniqueRoom()}\u001b[2J`;
		await emitWithAck(socket, 'join', room);
		const inspect = async (...more) => {
			const { code, stdout, stderr } = await run(['socketio', 'socket', '--address', caddy().admin, id, ...more]);
			assert.equal(code, 0, stderr);
			return stdout;
		};
		const found = JSON.parse(await inspect('--json'));
		assert.deepEqual([found.namespace, found.state, found.rooms], ['/chat', 'connected', [id, room]]);
		assert.deepEqual([found.last_event.name, found.last_event.rule], ['join', 'join']);
		const text = await inspect();
		assert.match(text, /^last event +join at .*matched by: on join$/m);
		assert.ok(!text.includes('\u001b') && !text.includes('secret'), text);

		socket.disconnect();
		await awaitCondition(async () => (await caddy().get(`/socketio/socket?id=${encodeURIComponent(id)}`)).body.close, 'the record');
		assert.match(await inspect(), /^reason +client namespace disconnect$/m);
		const unknown = await run(['socketio', 'socket', '--address', caddy().admin, 'unknown']);
		assert.match(unknown.stderr, /HTTP 404: id: there is no socket/);
	}, [kind(2, 'polling'), kind(4, 'websocket')]);

	test('an emit reaches all clients on all transports, binary too', async (t) => {
		const sockets = await Promise.all(kinds.map((k) => connectSocket(t, k, `${caddy().url}/chat`)));
		await Promise.all(sockets.map(awaitConnect));
		const got = inboxes(sockets, 'news');
		const file = Buffer.from([0, 1, 2, 0x1e, 0xff]);
		await caddy().emit({ namespace: '/chat', event: 'news', args: ['𝄞', { file: { $binary: file.toString('base64') } }] });
		for (const inbox of got) {
			const [[text, { file: bytes }]] = await inbox.has(1);
			assert.deepEqual([text, Buffer.from(bytes)], ['𝄞', file]);
		}
	});
});
