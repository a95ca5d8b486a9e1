// Behind Caddy's other handlers: logs, compression, templates, gates.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once as eventOf } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Caddy } from './lib/caddy.js';
import { awaitConnect, awaitConnectError, connectSocket, emitWithAck, kind, kinds, openSocket, uniqueRoom } from './lib/clients.js';
import { Poller } from './lib/poller.js';
import { describeWithCaddy, namespace, socketio, test, testEachClient } from './lib/rules.js';
import { awaitEvent, withDeadline } from './lib/time.js';

const crowd = (log) => `
	log {
		output file ${log}
	}
	encode gzip
	templates
	header X-Site crowd
	header >X-Deferred yes
	handle /socket.io/* {
		${socketio(namespace('/'))}
	}
	handle {
		respond "the page"
	}
`;

// handshake is the raw answer to an Engine.IO handshake.
function handshake(url, transport, headers = {}) {
	const upgrade = transport === 'websocket' && {
		Connection: 'Upgrade',
		Upgrade: 'websocket',
		'Sec-WebSocket-Version': '13',
		'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
	};
	const answer = new Promise((resolve, reject) => {
		const request = http.get(`${url}/socket.io/?EIO=4&transport=${transport}`, { headers: { ...upgrade, ...headers }, agent: false });
		request.on('error', reject);
		request.on('response', (response) => {
			resolve({ status: response.statusCode, headers: response.headers });
			response.destroy();
		});
		request.on('upgrade', (response, socket) => {
			socket.destroy();
			resolve({ status: response.statusCode, headers: response.headers });
		});
	});
	return withDeadline(answer, 'handshake');
}

test('an access log, gzip, templates and headers are in front', async (t) => {
	const dir = await mkdtemp(join(tmpdir(), 'caddy-e2e-log-'));
	t.after(() => rm(dir, { recursive: true, force: true }));
	const log = join(dir, 'access.log');
	const caddy = await Caddy.start(crowd(log));
	t.after(() => caddy.stop());

	const room = uniqueRoom();
	const sockets = await Promise.all(kinds.map((k) => connectSocket(t, k, caddy.url)));
	for (const socket of sockets) {
		await emitWithAck(socket, 'join', room);
		assert.deepEqual(await emitWithAck(socket, 'echo', '𝄞'.repeat(5000), Buffer.from('x')), ['𝄞'.repeat(5000), Buffer.from('x')]);
	}
	const got = Promise.all(sockets.map((socket) => awaitEvent(socket, 'msg')));
	sockets[0].emit('to all in', room, 'hi');
	assert.deepEqual(await got, kinds.map(() => ['hi']));

	const page = await fetch(caddy.url);
	assert.equal(await page.text(), 'the page');
	const { status, headers } = await handshake(caddy.url, 'websocket');
	assert.equal(status, 101);
	assert.equal(headers['x-site'], 'crowd');

	const poller = new Poller(caddy.url);
	await poller.open();
	await caddy.emit({ event: 'msg', args: ['x'.repeat(5000)] });
	const response = await poller.request({ headers: { 'Accept-Encoding': 'gzip' } });
	assert.equal(response.headers['x-site'], 'crowd');
	assert.equal(response.headers['content-encoding'], 'gzip');
	assert.equal(gunzipSync(response.body).toString(), `42["msg","${'x'.repeat(5000)}"]`);

	for (const socket of sockets) socket.close();
	await caddy.stop();
	const lines = (await readFile(log, 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
	const websockets = lines.filter(({ request }) => request.uri.includes('transport=websocket'));
	assert.ok(websockets.length >= 7, `${websockets.length} lines`);
	for (const { status: logged } of websockets) assert.equal(logged, 101);
	for (const { request, status: logged } of lines) {
		if (request.uri.includes('transport=polling')) assert.equal(logged, 200, request.uri);
	}
});

describeWithCaddy('origins', socketio(namespace('/'), 'origins https://app.example.com'), (caddy) => {
	for (const transport of ['polling', 'websocket']) {
		const good = transport === 'polling' ? 200 : 101;
		test(`a browser's origin must be the site's own or in the list (${transport})`, async () => {
			const status = async (headers) => (await handshake(caddy().url, transport, headers)).status;
			assert.equal(await status({}), good);
			assert.equal(await status({ Origin: caddy().url }), good);
			assert.equal(await status({ Origin: 'https://app.example.com' }), good);
			for (const origin of ['https://evil.example.com', 'http://app.example.com', 'null', 'https://app.example.com.evil.com']) {
				const refusal = await status({ Origin: origin });
				assert.ok(refusal >= 400 && refusal < 500, `${origin}: ${refusal}`);
			}
		});
	}

	test('CORS headers follow the list', async () => {
		const { headers } = await handshake(caddy().url, 'polling', { Origin: 'https://app.example.com' });
		assert.equal(headers['access-control-allow-origin'], 'https://app.example.com');
		assert.equal(headers['access-control-allow-credentials'], 'true');
		const evil = await handshake(caddy().url, 'polling', { Origin: 'https://evil.example.com' });
		assert.equal(evil.headers['access-control-allow-origin'], undefined);
	});
});

test('basic_auth is a gate, and its user is known', async (t) => {
	const hash = '$2a$04$35xNZsCfDkdqSUgVKaS/3OqI2AAJHujTpEU2nkLCrJC9frcbGDJuq'; // of "secret"
	const caddy = await Caddy.start(`
		basic_auth {
			ada ${hash}
		}
		${socketio(`namespace / {
			join user:{http.auth.user.id}
			on rooms {
				ack {socket.rooms}
			}
		}`)}
	`);
	t.after(() => caddy.stop());
	const authorization = (password) => ({ Authorization: `Basic ${Buffer.from(`ada:${password}`).toString('base64')}` });
	await Promise.all(kinds.map(async (k) => {
		const ada = await connectSocket(t, k, caddy.url, { extraHeaders: authorization('secret') });
		assert.deepEqual(await emitWithAck(ada, 'rooms'), [[ada.id, 'user:ada']]);
		await awaitConnectError(openSocket(t, k, caddy.url, { extraHeaders: authorization('wrong') }));
	}));
});

describeWithCaddy('nothing but the directive', 'handle /socket.io/* {\nsocketio\n}\nhandle {\nrespond "the page"\n}', (caddy) => {
	testEachClient('it serves the root namespace, and the rest passes by', async (t, k) => {
		const a = await connectSocket(t, k, caddy().url);
		const said = awaitEvent(a, 'news');
		assert.deepEqual(await caddy().emit({ to: [a.id], event: 'news', args: [1] }), { delivered: 1 });
		assert.deepEqual(await said, [1]);
		assert.equal(await awaitConnectError(openSocket(t, k, `${caddy().url}/chat`)), 'Invalid namespace');
		const page = await fetch(`${caddy().url}/page`);
		assert.equal(await page.text(), 'the page');
	});
});

describeWithCaddy('protocols', socketio(namespace('/'), 'protocols 4'), (caddy) => {
	test('without protocol 3 the 2.x clients are refused, the others are not', async (t) => {
		await awaitConnectError(openSocket(t, kind(2, 'polling'), caddy().url));
		await awaitConnectError(openSocket(t, kind(2, 'websocket'), caddy().url));
		for (const version of [3, 4]) await connectSocket(t, kind(version, 'upgrade'), caddy().url);
	});
});

test('TLS is in front', async (t) => {
	const caddy = await Caddy.start(`tls internal\n${socketio(namespace('/'))}`, { scheme: 'https' });
	t.after(() => caddy.stop());
	const agent = new https.Agent({ keepAlive: false, rejectUnauthorized: false });
	const room = uniqueRoom();
	const sockets = await Promise.all(kinds.map((k) => connectSocket(t, k, caddy.url, { agent, rejectUnauthorized: false })));
	for (const socket of sockets) await emitWithAck(socket, 'join', room);
	const got = Promise.all(sockets.map((socket) => awaitEvent(socket, 'msg')));
	sockets[0].emit('to all in', room, Buffer.from('☕'));
	for (const [bytes] of await got) assert.equal(Buffer.from(bytes).toString(), '☕');
	const { body: [{ handshake: { secure } }] } = await caddy.get('/socketio/sockets?limit=1');
	assert.equal(secure, true);
});

test('a named route, a matcher and forward_auth lead there', async (t) => {
	const gate = http.createServer((request, response) => {
		response.writeHead(request.headers['x-token'] === 'good' ? 200 : 401, { 'Remote-User': 'ada' }).end();
	}).listen(0, '127.0.0.1');
	await eventOf(gate, 'listening');
	t.after(() => gate.close());
	const rules = namespace('/', 'on user {\n\tack {http.request.header.Remote-User} {http.request.orig_uri.path}\n}');
	const caddy = await Caddy.start(`
		handle /named/* {
			invoke shared
		}
		@new header X-Route new
		handle @new {
			${socketio(rules, 'path /matched/')}
		}
		handle_path /gate/* {
			forward_auth 127.0.0.1:${gate.address().port} {
				uri /
				copy_headers Remote-User
			}
			${socketio(rules)}
		}
		handle {
			respond 404
		}
	}
	&(shared) {
		${socketio(rules, 'path /named/')}
	`);
	t.after(() => caddy.stop());
	for (const version of [2, 4]) {
		const at = (path, extraHeaders) => openSocket(t, kind(version, 'upgrade'), caddy.url, { path, extraHeaders });
		const room = uniqueRoom();
		const sockets = [at('/named/'), at('/matched/', { 'X-Route': 'new' }), at('/gate/socket.io/', { 'X-Token': 'good' })];
		for (const socket of sockets) {
			await awaitConnect(socket);
			await emitWithAck(socket, 'join', room);
		}
		assert.deepEqual(await emitWithAck(sockets[2], 'user'), ['ada', '/gate/socket.io/']);
		const got = Promise.all(sockets.slice(1).map((socket) => awaitEvent(socket, 'msg')));
		sockets[0].emit('to', room, 'from one route to all');
		assert.deepEqual(await got, [['from one route to all'], ['from one route to all']]);
		for (const socket of [at('/matched/'), at('/gate/socket.io/', { 'X-Token': 'bad' })]) await awaitConnectError(socket);
	}
});

test('clients that leave the last slash out need a rewrite, which gates see', async (t) => {
	const authorization = { Authorization: `Basic ${Buffer.from('ada:secret').toString('base64')}` };
	const caddy = await Caddy.start(`
		rewrite /socket.io /socket.io/
		basic_auth /socket.io/* {
			ada $2a$04$/tDiOt0QLtRoKpwnA2fsaO/QLoxNYulC1G.ijuJf3zbgQra3MU5pC
		}
		${socketio(namespace('/'))}
	`);
	t.after(() => caddy.stop());
	for (const transport of ['polling', 'websocket', 'upgrade']) {
		await connectSocket(t, kind(4, transport), caddy.url, { addTrailingSlash: false, extraHeaders: authorization });
		await awaitConnectError(openSocket(t, kind(4, transport), caddy.url, { addTrailingSlash: false }));
	}
	await caddy.reload(socketio(namespace('/')));
	await awaitConnectError(openSocket(t, kind(4, 'polling'), caddy.url, { addTrailingSlash: false }));
	await connectSocket(t, kind(4, 'upgrade'), caddy.url);
});

test('a config in which clients cannot get there is refused, and the former one goes on', async (t) => {
	const caddy = await Caddy.start(socketio(namespace('/')));
	t.after(() => caddy.stop());
	const a = await connectSocket(t, kind(4, 'upgrade'), caddy.url);
	for (const site of ['socketio\nrespond "the page"', 'socketio\nhandle {\nfile_server\n}', 'handle /api/* {\nsocketio\n}', 'socketio_api\nredir * /elsewhere']) {
		const { status, body } = await caddy.load(site);
		assert.equal(status, 400);
		assert.match(body.error, /Caddyfile:\d+: no request can reach socketio(_api)?: /);
	}
	const said = awaitEvent(a, 'news');
	assert.deepEqual(await caddy.emit({ to: [a.id], event: 'news', args: [1] }), { delivered: 1 });
	assert.deepEqual(await said, [1]);
});
