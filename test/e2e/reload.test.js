// A config reload drops no connection and loses no packet.

import assert from 'node:assert/strict';
import { once as eventOf } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import { Caddy, run } from './lib/caddy.js';
import { awaitConnect, awaitConnectError, connectSocket, emitWithAck, Inbox, inboxes, kind, kinds, openNamespace, openSocket, uniqueRoom } from './lib/clients.js';
import { Poller } from './lib/poller.js';
import { describeWithCaddy, namespace, socketio, test } from './lib/rules.js';
import { awaitEvent, withDeadline } from './lib/time.js';

const version = (n) => `on version {\n\tack ${n}\n}`;
const site = (n, more = '') => socketio(namespace('/', version(n)) + more);
const gone = namespace('/gone');

// A Caddy for one test.
async function start(t, config) {
	const caddy = await Caddy.start(config);
	t.after(() => caddy.stop());
	return caddy;
}

// everyone is a socket of each kind, in one room, and a list that gets the
// name of each that is disconnected.
async function everyone(t, url, which = kinds) {
	const lost = [];
	const sockets = await Promise.all(which.map(async (k) => {
		const socket = await connectSocket(t, k, url);
		socket.on('disconnect', (reason) => lost.push(`${k.name}: ${reason}`));
		return socket;
	}));
	return { sockets, lost };
}

const metrics = { global: '\tmetrics' };
const polls = kinds.filter(({ transport }) => transport === 'polling').length;

describeWithCaddy('reload', site(1), (caddy) => {
	test('connections, rooms, data and packets survive it, rules are the new ones', async (t) => {
		await caddy().reload(site(1));
		const { sockets, lost } = await everyone(t, caddy().url);
		const room = uniqueRoom();
		for (const socket of sockets) {
			await emitWithAck(socket, 'join', room);
			await emitWithAck(socket, 'set name', { socket: socket.id });
			assert.deepEqual(await emitWithAck(socket, 'version'), [1]);
		}
		const got = inboxes(sockets);
		const sent = [];
		const say = async (n) => {
			await caddy().emit({ to: [room], event: 'msg', args: [n] });
			sent.push([n]);
			for (const inbox of got) await inbox.has(sent.length);
		};
		for (let n = 2; n <= 6; n++) {
			await say(n);
			await caddy().parked(polls);
			await caddy().reload(site(n));
			await say(-n);
			for (const socket of sockets) assert.deepEqual(await emitWithAck(socket, 'version'), [n]);
		}
		for (const inbox of got) assert.deepEqual(inbox.all, sent);
		for (const socket of sockets) {
			assert.deepEqual(await emitWithAck(socket, 'rooms'), [[socket.id, room]]);
			assert.deepEqual(await emitWithAck(socket, 'get name'), [{ socket: socket.id }]);
		}
		assert.deepEqual(lost, []);
	});

	test('packets on their way both ways meanwhile arrive, in order', async (t) => {
		await caddy().reload(site(1));
		const { sockets, lost } = await everyone(t, caddy().url, kinds.filter(({ transport }) => transport !== 'polling'));
		const room = uniqueRoom();
		for (const socket of sockets) await emitWithAck(socket, 'join', room);
		const sender = await connectSocket(t, kind(4, 'websocket'), caddy().url);
		const got = inboxes(sockets);
		let sent = 0;
		let reloading = true;
		const flow = (async () => {
			while (reloading) {
				sender.emit('to', room, sent++);
				const i = sent % sockets.length;
				assert.deepEqual(await emitWithAck(sockets[i], 'echo', sent, i), [sent, i]);
				sender.emit('to', room, { n: [Buffer.alloc(1000)] });
			}
		})();
		const flowing = flow.catch(() => {}).then(() => (reloading = false));
		for (let n = 2; n <= 11 && reloading; n++) {
			await caddy().reload(site(n));
			for (const socket of sockets) assert.deepEqual(await emitWithAck(socket, 'version'), [n]);
		}
		reloading = false;
		await flowing;
		await flow;
		for (const inbox of got) {
			await inbox.has(2 * sent);
			assert.deepEqual(inbox.all.flat().filter((m) => typeof m === 'number'), Array.from({ length: sent }, (_, n) => n));
		}
		assert.deepEqual(lost, []);
	});

	test('a parked poll is answered with a noop, and the session goes on', async () => {
		const poller = new Poller(caddy().url);
		await poller.open();
		const parked = poller.get();
		await caddy().parked(1);
		await caddy().reload(site(2));
		assert.deepEqual(await withDeadline(parked, 'the end of the poll'), ['6']);
		await poller.post('420["version"]');
		assert.deepEqual(await poller.get(), ['430[2]']);
	});

	test('an emit with an id is done once, also over a reload', async (t) => {
		const { sockets } = await everyone(t, caddy().url, [kind(4, 'websocket')]);
		const [inbox] = inboxes(sockets);
		const once = { event: 'msg', args: ['once'], id: uniqueRoom('id') };
		const first = await caddy().emit(once);
		assert.deepEqual(await caddy().emit(once), first);
		await caddy().reload(site(3));
		assert.deepEqual(await caddy().emit(once), first);
		await caddy().emit({ event: 'msg', args: ['last'] });
		assert.deepEqual(await inbox.has(2), [['once'], ['last']]);
	});

	test('a config that fails changes nothing', async (t) => {
		await caddy().reload(site(1));
		const { sockets, lost } = await everyone(t, caddy().url);
		const taken = net.createServer().listen(0, '127.0.0.1');
		t.after(() => taken.close());
		await eventOf(taken, 'listening');
		const cannotListen = `${site(2)}\n}\nhttp://127.0.0.1:${taken.address().port} {\n\trespond hello`;
		const broken = [
			cannotListen,
			'socketio {\n\tno_such_setting\n}',
			socketio('namespace / {\n\ton connect {\n\t\tno_such_handler\n\t}\n}'),
			socketio('namespace nowhere {\n}'),
			`${site(2)}\nhandle /other/* {\n${site(3)}\n}`,
		];
		await caddy().parked(polls);
		for (const config of broken) {
			const { status, body } = await caddy().load(config);
			assert.notEqual(status, 200, config);
			assert.equal(typeof body.error, 'string');
			for (const socket of sockets) assert.deepEqual(await emitWithAck(socket, 'version'), [1]);
			const { body: namespaces } = await caddy().get('/socketio/namespaces');
			assert.deepEqual(namespaces.map(({ name }) => name), ['/']);
			await connectSocket(t, kind(4, 'websocket'), caddy().url);
		}
		assert.deepEqual(lost, []);

		// Now Caddy does not tell which polls wait: only WebSockets must survive.
		await caddy().reload(site(4));
		for (const [i, socket] of sockets.entries()) {
			if (kinds[i].transport !== 'polling') assert.deepEqual(await emitWithAck(socket, 'version'), [4]);
		}
	});

	test('the command reloads as the API does', async (t) => {
		const { sockets, lost } = await everyone(t, caddy().url);
		await caddy().parked(polls);
		await writeFile(caddy().file, caddy().caddyfile(site(7)));
		const { code, stderr } = await run(['reload', '--config', caddy().file, '--adapter', 'caddyfile']);
		assert.equal(code, 0, stderr);
		for (const socket of sockets) assert.deepEqual(await emitWithAck(socket, 'version'), [7]);
		assert.deepEqual(lost, []);
	});

	test('namespaces come and go', async (t) => {
		await caddy().reload(site(1));
		const a = await connectSocket(t, kind(4, 'upgrade'), caddy().url);
		const absent = openNamespace(t, a, '/gone');
		assert.equal(await awaitConnectError(absent), 'Invalid namespace');

		await caddy().reload(site(1, gone));
		const roots = await Promise.all(kinds.map((k) => connectSocket(t, k, caddy().url)));
		const sockets = await Promise.all(roots.map(async (root) => {
			const socket = openNamespace(t, root, '/gone');
			await awaitConnect(socket);
			return socket;
		}));
		const reasons = Promise.all(sockets.map((socket) => awaitEvent(socket, 'disconnect')));
		await caddy().parked(polls);
		await caddy().reload(site(2));
		for (const [reason] of await reasons) assert.equal(reason, 'io server disconnect');
		for (const root of roots) assert.deepEqual(await emitWithAck(root, 'version'), [2]);
		const { body: namespaces } = await caddy().get('/socketio/namespaces');
		assert.deepEqual(namespaces.map(({ name }) => name), ['/']);
	});
}, metrics);

test('clients that poll on new connections miss nothing, and are recovered', async (t) => {
	const recovering = (n) => socketio(namespace('/', version(n)), 'recovery 1m');
	const caddy = await start(t, recovering(1));
	const sockets = await Promise.all(Array.from({ length: 8 }, () => connectSocket(t, kind(4, 'polling'), caddy.url, {
		reconnection: true, reconnectionDelay: 10, randomizationFactor: 0,
	})));
	const got = inboxes(sockets);
	const fresh = [];
	for (const socket of sockets) socket.on('connect', () => socket.recovered || fresh.push(socket.id));
	let sent = 0;
	let reloading = true;
	const flow = (async () => {
		while (reloading) await caddy.emit({ event: 'msg', args: [sent++] }).catch((error) => assert.match(error.code, /ECONN/));
	})();
	for (let n = 2; n <= 6; n++) await caddy.reload(recovering(n));
	reloading = false;
	await flow;
	await caddy.emit({ event: 'msg', args: [sent++] });
	for (const inbox of got) {
		while (inbox.all.at(-1)?.[0] !== sent - 1) await inbox.has(inbox.all.length + 1);
		const numbers = inbox.all.map(([n]) => n);
		assert.deepEqual(numbers, got[0].all.map(([n]) => n));
		assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b));
	}
	assert.deepEqual(fresh, []);
});

test('a route that is gone closes its connections', async (t) => {
	const caddy = await start(t, site(1));
	const { sockets } = await everyone(t, caddy.url);
	const reasons = Promise.all(sockets.map((socket) => awaitEvent(socket, 'disconnect')));
	await caddy.reload('respond "no more"');
	for (const [reason] of await reasons) assert.match(reason, /^transport (close|error)$/);
	await assert.rejects(awaitConnect(openSocket(t, kind(4, 'polling'), caddy.url)));

	await caddy.reload(site(2));
	const again = await connectSocket(t, kind(4, 'upgrade'), caddy.url);
	assert.deepEqual(await emitWithAck(again, 'version'), [2]);
});

test('one route may move to another path while the other stays', async (t) => {
	const two = (path) => `${site(1)}\nhandle_path /${path}/* {\n${socketio(namespace('/second'), 'hub second')}\n}`;
	const caddy = await start(t, two('a'));
	const first = await connectSocket(t, kind(4, 'websocket'), caddy.url);
	const second = await connectSocket(t, kind(4, 'websocket'), `${caddy.url}/second`, { path: '/a/socket.io/' });
	await caddy.reload(two('b'));
	assert.deepEqual(await emitWithAck(first, 'version'), [1]);
	assert.deepEqual(await emitWithAck(second, 'echo', 1, 2), [1, 2]);
	const moved = await connectSocket(t, kind(4, 'websocket'), `${caddy.url}/second`, { path: '/b/socket.io/' });
	const got = new Inbox(second, 'msg');
	moved.emit('broadcast', 'hi');
	assert.deepEqual(await got.has(1), [['hi']]);
});
