// A config reload drops no connection and loses no packet.

import assert from 'node:assert/strict';
import { once as eventOf } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import { Caddy, run } from './lib/caddy.js';
import { beside, call, connect, connected, Inbox, kind, kinds, open, refused, roomName } from './lib/clients.js';
import { Poller } from './lib/poller.js';
import { namespace, serving, socketio, test } from './lib/rules.js';
import { heard, within } from './lib/time.js';

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
async function everyone(t, url) {
	const lost = [];
	const sockets = await Promise.all(kinds.map(async (k) => {
		const socket = await connect(t, k, url);
		socket.on('disconnect', (reason) => lost.push(`${k.name}: ${reason}`));
		return socket;
	}));
	return { sockets, lost };
}

serving('reload', site(1), (caddy) => {
	test('connections, rooms, data and packets survive it, rules are the new ones', async (t) => {
		await caddy().reload(site(1));
		const { sockets, lost } = await everyone(t, caddy().url);
		const room = roomName();
		for (const socket of sockets) {
			await call(socket, 'join', room);
			await call(socket, 'set name', { socket: socket.id });
			assert.deepEqual(await call(socket, 'version'), [1]);
		}
		const sender = await connect(t, kind(4, 'websocket'), caddy().url);
		const inboxes = sockets.map((socket) => new Inbox(socket, 'msg'));

		// Both ways and from outside, from before the first reload until after
		// the last.
		let sent = 0;
		let reloading = true;
		const flow = (async () => {
			while (reloading) {
				sender.emit('to', room, sent++);
				const i = sent % sockets.length;
				assert.deepEqual(await call(sockets[i], 'echo', sent, i), [sent, i]);
				await caddy().emit({ to: [room], event: 'msg', args: [sent++] });
				await call(sender, 'echo', 0, 0);
			}
		})();
		try {
			for (let n = 2; n <= 6; n++) {
				await caddy().reload(site(n));
				for (const socket of sockets) assert.deepEqual(await call(socket, 'version'), [n]);
			}
		} finally {
			reloading = false;
		}
		await flow;
		for (const [i, inbox] of inboxes.entries()) {
			await inbox.has(sent);
			const numbers = inbox.all.flat();
			assert.deepEqual([...numbers].sort((x, y) => x - y), Array.from({ length: sent }, (_, n) => n), kinds[i].name);
			for (const parity of [0, 1]) {
				const one = numbers.filter((n) => n % 2 === parity);
				assert.deepEqual(one, [...one].sort((x, y) => x - y), kinds[i].name);
			}
		}
		for (const socket of sockets) {
			assert.deepEqual(await call(socket, 'rooms'), [[socket.id, room]]);
			assert.deepEqual(await call(socket, 'get name'), [{ socket: socket.id }]);
		}
		assert.deepEqual(lost, []);
	});

	test('a parked poll is answered with a noop, and the session goes on', async (t) => {
		await caddy().reload(site(1));
		const poller = new Poller(caddy().url);
		await poller.open();
		const parked = poller.get();
		await caddy().get('/socketio/');
		await caddy().reload(site(2));
		assert.deepEqual(await within(parked, 'the end of the poll'), ['6']);
		await poller.post('420["version"]');
		assert.deepEqual(await poller.get(), ['430[2]']);
	});

	test('a config that fails changes nothing', async (t) => {
		await caddy().reload(site(1));
		const { sockets, lost } = await everyone(t, caddy().url);
		const taken = net.createServer().listen(0, '127.0.0.1');
		t.after(() => taken.close());
		await eventOf(taken, 'listening');
		const cannotListen = `${site(2)}\n}\nhttp://127.0.0.1:${taken.address().port} {\n\trespond hello`;
		const broken = [
			'socketio {\n\tno_such_setting\n}',
			socketio('namespace / {\n\ton connect {\n\t\tno_such_handler\n\t}\n}'),
			socketio('namespace nowhere {\n}'),
			`${site(2)}\nhandle /other/* {\n${site(3)}\n}`,
			cannotListen,
		];
		for (const config of broken) {
			const { status, body } = await caddy().load(config);
			assert.notEqual(status, 200, config);
			assert.equal(typeof body.error, 'string');
			for (const socket of sockets) assert.deepEqual(await call(socket, 'version'), [1]);
			const { body: namespaces } = await caddy().get('/socketio/namespaces');
			assert.deepEqual(namespaces.map(({ name }) => name), ['/']);
			await connected(open(t, kind(4, 'upgrade'), caddy().url));
		}
		await caddy().reload(site(4));
		for (const socket of sockets) assert.deepEqual(await call(socket, 'version'), [4]);
		assert.deepEqual(lost, []);
	});

	test('the command reloads as the API does', async (t) => {
		const { sockets, lost } = await everyone(t, caddy().url);
		await writeFile(caddy().file, caddy().caddyfile(site(7)));
		const { code, stderr } = await run(['reload', '--config', caddy().file, '--adapter', 'caddyfile']);
		assert.equal(code, 0, stderr);
		for (const socket of sockets) assert.deepEqual(await call(socket, 'version'), [7]);
		assert.deepEqual(lost, []);
	});

	test('namespaces come and go', async (t) => {
		await caddy().reload(site(1));
		const a = await connect(t, kind(4, 'upgrade'), caddy().url);
		const absent = beside(t, a, '/gone');
		assert.equal(await refused(absent), 'Invalid namespace');

		await caddy().reload(site(1, gone));
		const sockets = await Promise.all(kinds.map((k) => connect(t, k, `${caddy().url}/gone`)));
		const roots = await Promise.all(sockets.map(async (socket) => {
			const root = beside(t, socket, '/');
			await connected(root);
			return root;
		}));
		const reasons = Promise.all(sockets.map((socket) => heard(socket, 'disconnect')));
		await caddy().reload(site(2));
		for (const [reason] of await reasons) assert.equal(reason, 'io server disconnect');
		for (const root of roots) assert.deepEqual(await call(root, 'version'), [2]);
		const { body: namespaces } = await caddy().get('/socketio/namespaces');
		assert.deepEqual(namespaces.map(({ name }) => name), ['/']);
	});
});

test('a route that is gone closes its connections', async (t) => {
	const caddy = await start(t, site(1));
	const { sockets } = await everyone(t, caddy.url);
	const reasons = Promise.all(sockets.map((socket) => heard(socket, 'disconnect')));
	await caddy.reload('respond "no more"');
	for (const [reason] of await reasons) assert.match(reason, /^(transport close|transport error|io server disconnect)$/);
	await assert.rejects(connected(open(t, kind(4, 'polling'), caddy.url)));

	await caddy.reload(site(2));
	const again = await connect(t, kind(4, 'upgrade'), caddy.url);
	assert.deepEqual(await call(again, 'version'), [2]);
});

test('one route may move to another path while the other stays', async (t) => {
	const two = (path) => `${site(1)}\nhandle_path /${path}/* {\n${socketio(namespace('/second'), 'hub second')}\n}`;
	const caddy = await start(t, two('a'));
	const first = await connect(t, kind(4, 'websocket'), caddy.url);
	const second = await connect(t, kind(4, 'websocket'), `${caddy.url}/second`, { path: '/a/socket.io/' });
	await caddy.reload(two('b'));
	assert.deepEqual(await call(first, 'version'), [1]);
	assert.deepEqual(await call(second, 'echo', 1, 2), [1, 2]);
	const moved = await connect(t, kind(4, 'websocket'), `${caddy.url}/second`, { path: '/b/socket.io/' });
	const got = new Inbox(second, 'msg');
	moved.emit('broadcast', 'hi');
	assert.deepEqual(await got.has(1), [['hi']]);
});
