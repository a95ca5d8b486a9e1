// Connecting: handshakes that are accepted, connect errors, and their messages.

import assert from 'node:assert/strict';
import { awaitConnect, awaitConnectError, connectSocket, emitWithAck, kinds, openNamespace, openSocket } from './lib/clients.js';
import { describeWithCaddy, namespace, socketio, testEachClient } from './lib/rules.js';
import { awaitEvent } from './lib/time.js';

const site = socketio(`
	${namespace('/')}
	${namespace('/chat')}
	${namespace('/org-*')}
	namespace /door {
		on connect {
			set token {socket.auth.token}
			set query {http.request.uri.query.room}
			set header {http.request.header.X-Test}
			join lobby user:{socket.auth.token}
			emit welcome {socket.id} {socket.rooms}
		}
		on who {
			ack {socket.data.token} {socket.data.query} {socket.data.header} {socket.rooms}
		}
	}
	namespace /banned {
		on connect {
			require \`socket.auth.token == "good"\` "you are banned"
		}
	}
`);

describeWithCaddy('connecting', site, (caddy) => {
	const clients = (...versions) => kinds.filter((k) => versions.includes(k.version));

	testEachClient('a namespace nobody named does not exist, and the others go on', async (t, kind) => {
		const root = await connectSocket(t, kind, caddy().url);
		const nowhere = openNamespace(t, root, '/nowhere');
		assert.equal(await awaitConnectError(nowhere), 'Invalid namespace');
		assert.equal(nowhere.connected, false);
		assert.deepEqual(await emitWithAck(root, 'echo', 1, 2), [1, 2]);
	});

	testEachClient('a refused connect carries its message', async (t, kind) => {
		const options = kind.version === 2 ? {} : { auth: { token: 'bad' } };
		const socket = openSocket(t, kind, `${caddy().url}/banned`, options);
		assert.equal(await awaitConnectError(socket), 'you are banned');
		const again = kind.version === 2 ? '/banned?token=good' : '/banned';
		await awaitConnect(openSocket(t, kind, caddy().url + again, { auth: { token: 'good' } }));
	});

	testEachClient('auth, query and headers of the handshake are there on connect', async (t, kind) => {
		const socket = openSocket(t, kind, `${caddy().url}/door`, {
			auth: { token: 'secret' },
			query: { room: 'a b' },
			extraHeaders: { 'X-Test': 'yes' },
		});
		const welcome = awaitEvent(socket, 'welcome');
		await awaitConnect(socket);
		assert.deepEqual(await welcome, [socket.id, [socket.id, 'lobby', 'user:secret']]);
		assert.deepEqual(await emitWithAck(socket, 'who'), ['secret', 'a b', 'yes', [socket.id, 'lobby', 'user:secret']]);
	}, clients(3, 4));

	testEachClient('the query of a 2.x client is its auth', async (t, kind) => {
		const socket = openSocket(t, kind, `${caddy().url}/door?token=secret`, { query: { room: 'a b' }, extraHeaders: { 'X-Test': 'yes' } });
		const welcome = awaitEvent(socket, 'welcome');
		await awaitConnect(socket);
		assert.deepEqual(await welcome, [socket.id, [socket.id, 'lobby', 'user:secret']]);
		const [token, , header] = await emitWithAck(socket, 'who');
		assert.deepEqual([token, header], ['secret', 'yes']);
	}, clients(2));

	testEachClient('namespaces share a connection and are apart', async (t, kind) => {
		const root = await connectSocket(t, kind, caddy().url);
		const chat = openNamespace(t, root, '/chat');
		await awaitConnect(chat);
		assert.equal(chat.io.engine.id, root.io.engine.id);
		assert.notEqual(chat.id, root.id);
		const transport = kind.transport === 'polling' ? 'polling' : 'websocket';
		assert.deepEqual(await emitWithAck(chat, 'who'), [chat.id, transport, '/chat']);
		assert.deepEqual(await emitWithAck(root, 'who'), [root.id, transport, '/']);

		const gone = awaitEvent(chat, 'disconnect');
		chat.emit('kick');
		assert.deepEqual((await gone)[0], 'io server disconnect');
		assert.deepEqual(await emitWithAck(root, 'echo', 1, 2), [1, 2]);

		chat.connect();
		await awaitConnect(chat);
		assert.deepEqual(await emitWithAck(chat, 'echo', 1, 2), [1, 2]);
	});

	testEachClient('a glob names namespaces that exist when they are asked for', async (t, kind) => {
		const [a, b] = await Promise.all(['/org-1', '/org-2'].map((name) => connectSocket(t, kind, caddy().url + name)));
		assert.equal((await emitWithAck(a, 'who'))[2], '/org-1');
		assert.equal((await emitWithAck(b, 'who'))[2], '/org-2');
		const { body } = await caddy().get('/socketio/sockets?namespace=/org-1');
		assert.deepEqual(body.map(({ id }) => id), [a.id]);
	});

	testEachClient('the id of a socket has the form that its client expects', async (t, kind) => {
		const a = await connectSocket(t, kind, caddy().url);
		const b = await connectSocket(t, kind, `${caddy().url}/chat`);
		if (kind.version === 2) {
			assert.equal(a.id, a.io.engine.id);
			assert.equal(b.id, `/chat#${b.io.engine.id}`);
		} else {
			for (const socket of [a, b]) {
				assert.match(socket.id, /^[\w-]{20}$/);
				assert.notEqual(socket.id, socket.io.engine.id);
			}
		}
		assert.deepEqual((await emitWithAck(b, 'who'))[0], b.id);
	});
});
