// Events as requests to a web application, and its answers; and the rules that
// decide without one: require and jwt.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { App } from './lib/app.js';
import { Caddy } from './lib/caddy.js';
import { awaitConnect, awaitConnectError, connectSocket, emitWithAck, kind, kinds, openNamespace, openSocket } from './lib/clients.js';
import { describeWithCaddy, socketio, test } from './lib/rules.js';
import { awaitEvent, withDeadline } from './lib/time.js';

const vectors = JSON.parse(readFileSync(new URL('../../docs/webhooks.json', import.meta.url)));

const backend = (address, more = '') => `backend {
	rewrite /realtime/{event.name}
	reverse_proxy ${address}
	${more}
}`;

async function start(t, app, more = '') {
	const caddy = await Caddy.start(socketio(`
		namespace / {
		}
		namespace /app {
			on connect * disconnect {
				${backend(app.address, more)}
			}
		}
	`));
	t.after(() => caddy.stop());
	return caddy;
}

const app = (caddy) => `${caddy.url}/app`;

test('an event is a request with the handshake around it', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const a = await connectSocket(t, kind(4, 'websocket'), app(caddy), {
		auth: { token: 'secret' },
		extraHeaders: { Cookie: 'session=1', 'User-Agent': 'e2e' },
	});
	server.answer = () => [200, { ack: ['ok', { n: 1 }] }];
	assert.deepEqual(await emitWithAck(a, 'order', { item: 7 }, Buffer.from('☕'), null), ['ok', { n: 1 }]);

	const [connecting] = server.of('connect');
	assert.equal(connecting.body.namespace, '/app');
	const [order] = server.of('event', 'order');
	assert.equal(order.method, 'POST');
	assert.equal(order.path, '/realtime/order');
	assert.equal(order.headers.cookie, 'session=1');
	assert.equal(order.headers['user-agent'], 'e2e');
	assert.match(order.headers['content-type'], /^application\/json/);
	for (const header of ['upgrade', 'sec-websocket-key', 'sec-websocket-version']) assert.equal(order.headers[header], undefined);
	const { socket, ...rest } = order.body;
	assert.deepEqual(rest, {
		type: 'event',
		namespace: '/app',
		event: 'order',
		args: [{ item: 7 }, { $binary: Buffer.from('☕').toString('base64') }, null],
		ack: true,
	});
	assert.deepEqual([socket.id, socket.rooms, socket.auth], [a.id, [a.id], { token: 'secret' }]);
	assert.equal(socket.handshake.address, '127.0.0.1');
});

test('what a client chooses stays in its place of a request', async (t) => {
	const server = await App.start(t);
	const caddy = await Caddy.start(socketio(`
		namespace /app {
			on * {
				backend {
					vars name {event.args.0}
					rewrite /v/{vars.name}/end?n={vars.name}
					request_body {
						set \`{"type":"event","event":"{event.name}","args":[{event.args.0}],"name":"{vars.name}"}\`
					}
					reverse_proxy ${server.address}
				}
			}
		}
	`));
	t.after(() => caddy.stop());
	const a = await connectSocket(t, kind(4, 'websocket'), app(caddy));
	server.answer = () => [200, { ack: ['ok'] }];
	for (const name of ['ada', 'join room', 'x","admin":true,"y":"', 'a&b=c#d?e', '100%', '{env.HOME}']) {
		assert.deepEqual(await emitWithAck(a, 'put', name), ['ok'], name);
		const { path, body } = server.of('event', 'put').at(-1);
		assert.equal(new URL(path, 'http://app').pathname.split('/').length, 4, path);
		assert.equal(decodeURIComponent(path.split('?')[0]), `/v/${name}/end`);
		assert.equal(new URL(path, 'http://app').searchParams.get('n'), name);
		assert.deepEqual([body.args, body.name], [[name], name]);
	}
	const asked = server.of('event', 'put').length;
	for (const name of ['../../admin', '..;/admin', '%2e%2e', '', '//evil', '..\\admin', 'a\0', '．．']) {
		assert.deepEqual(await emitWithAck(a, 'put', name), [{ error: 'Bad Request' }], name);
	}
	assert.equal(server.of('event', 'put').length, asked);
});

test('an answer joins, leaves, emits, keeps data and disconnects', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const [a, b] = await Promise.all([kind(4, 'upgrade'), kind(2, 'websocket')].map((k) => connectSocket(t, k, app(caddy))));

	server.answer = () => [200, { join: ['room'], ack: [] }];
	await emitWithAck(a, 'in');
	await emitWithAck(b, 'in');
	const file = { $binary: Buffer.from([1, 2]).toString('base64') };
	server.answer = () => [200, { data: { name: 'ada' }, emit: [{ event: 'joined', args: ['ada', file], to: ['room'] }], ack: ['done'] }];
	const joined = awaitEvent(b, 'joined');
	assert.deepEqual(await emitWithAck(a, 'hello'), ['done']);
	const [name, bytes] = await joined;
	assert.deepEqual([name, Buffer.from(bytes)], ['ada', Buffer.from([1, 2])]);

	server.answer = () => [200, { leave: ['room'], ack: [] }];
	await emitWithAck(a, 'out');
	assert.deepEqual(server.of('event', 'out')[0].body.socket.rooms, [a.id, 'room']);
	assert.deepEqual(server.of('event', 'out')[0].body.socket.data, { name: 'ada' });
	server.answer = () => [204];
	a.emit('nothing');
	server.answer = ({ body }) => [200, body.event === 'bye' ? { disconnect: true } : {}];
	const reason = awaitEvent(a, 'disconnect');
	const { id } = a;
	a.emit('bye');
	assert.equal((await reason)[0], 'io server disconnect');
	assert.deepEqual(server.of('event', 'bye')[0].body.socket.rooms, [id]);
});

test('on connect a 4xx is a verdict, with its message', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	server.answer = () => [403, { error: { message: 'members only' } }];
	for (const k of kinds) assert.equal(await awaitConnectError(openSocket(t, k, app(caddy))), 'members only');
	server.answer = () => [403, { error: { message: 'members only', data: { code: 7 } } }];
	const [error] = await awaitEvent(openSocket(t, kind(4, 'websocket'), app(caddy)), 'connect_error');
	assert.deepEqual([error.message, error.data], ['members only', { code: 7 }]);
	server.answer = () => [401];
	assert.equal(await awaitConnectError(openSocket(t, kind(4, 'websocket'), app(caddy))), 'Unauthorized');
});

test('on connect an outage lets the client come back by itself', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	let outages = 6;
	server.answer = ({ body }) => (body.type === 'connect' && outages-- > 0 ? [503, 'down'] : [200, { ack: ['up'] }]);
	await Promise.all([2, 3, 4].map(async (version) => {
		const a = openSocket(t, kind(version, 'websocket'), app(caddy), { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 50 });
		a.on('connect_error', () => {});
		await withDeadline(new Promise((resolve) => a.once('connect', resolve)), 'connect');
		assert.deepEqual(await emitWithAck(a, 'still there'), ['up']);
	}));
	assert.ok(server.of('connect').length > 6);
});

test('on an event an error or an outage is acknowledged, and the socket stays', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const a = await connectSocket(t, kind(4, 'upgrade'), app(caddy));
	for (const answer of [[422, { error: { message: 'too much' } }], [500, 'oops'], [200, 'no json'], [200, { join: 'no list' }]]) {
		server.answer = () => answer;
		const [{ error }] = await emitWithAck(a, 'order');
		assert.equal(typeof error, 'string');
		if (answer[0] === 422) assert.equal(error, 'too much');
		a.emit('order');
	}
	server.answer = () => [200, { ack: ['fine'] }];
	assert.deepEqual(await emitWithAck(a, 'order'), ['fine']);
});

test('the events of one socket stay in order, and wait for nobody else', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const [slow, quick] = await Promise.all([1, 2].map(() => connectSocket(t, kind(4, 'websocket'), app(caddy))));
	let release;
	const released = new Promise((resolve) => (release = resolve));
	const hangs = new Promise((resolve) => {
		server.answer = async ({ body: { event, args } }) => {
			if (event === 'hang') {
				resolve();
				await released;
			}
			return [200, { ack: args }];
		};
	});
	const late = emitWithAck(slow, 'hang', 'late');
	slow.emit('behind');
	await withDeadline(hangs, 'the request that hangs');
	const numbers = Array.from({ length: 300 }, (_, i) => i);
	const answers = [];
	for (const n of numbers) quick.emit('n', n, (answer) => answers.push(answer));
	assert.deepEqual(await emitWithAck(quick, 'last', Buffer.from('☕')), [Buffer.from('☕')]);
	assert.deepEqual(answers, numbers);
	assert.deepEqual(server.of('event', 'n').map(({ body }) => body.args[0]), numbers);
	assert.deepEqual(server.of('event', 'behind'), []);
	release();
	assert.deepEqual(await late, ['late']);
	assert.deepEqual(await emitWithAck(slow, 'after', 1), [1]);
	assert.equal(server.of('event', 'behind').length, 1);
});

test('binary goes to the application and comes back, at any depth', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	for (const k of kinds) {
		const a = await connectSocket(t, k, app(caddy));
		server.answer = ({ body: { args, type } }) => (type === 'event' ? [200, { emit: [{ event: 'echo', args }], ack: args.toReversed() }] : [204]);
		const args = [Buffer.from([0, 255]), { deep: [{ file: Buffer.alloc(0), n: 1.5 }, 'text'] }, null];
		const echo = awaitEvent(a, 'echo');
		assert.deepEqual(await emitWithAck(a, 'files', ...args), args.toReversed(), k.name);
		assert.deepEqual(await echo, args, k.name);
	}
	const [{ body }] = server.of('event', 'files');
	assert.deepEqual(body.args, [{ $binary: 'AP8=' }, { deep: [{ file: { $binary: '' }, n: 1.5 }, 'text'] }, null]);
});

test('an application that is killed and started again takes no socket down', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const sockets = await Promise.all(kinds.map((k) => connectSocket(t, k, app(caddy))));
	for (const socket of sockets) socket.on('disconnect', (reason) => assert.fail(reason));
	const up = ({ body }) => (body.type === 'event' ? [200, { ack: ['up'] }] : [204]);
	server.answer = up;
	const ask = () => Promise.all(sockets.flatMap((socket) => Array.from({ length: 20 }, (_, i) => emitWithAck(socket, 'n', i))));
	const all = (answers, allowed) => {
		for (const [answer] of answers) assert.ok(allowed.includes(answer.error ?? answer), JSON.stringify(answer));
	};
	all(await ask(), ['up']);
	let left = 50;
	const killed = new Promise((resolve, reject) => {
		server.answer = (seen) => {
			if (--left === 0) server.down().then(resolve, reject);
			return up(seen);
		};
	});
	all(await ask(), ['up', 'service unavailable']);
	await killed;
	all(await ask(), ['service unavailable']);
	await server.up();
	all(await ask(), ['up']);
	for (const socket of sockets) socket.off('disconnect');
});

test('answers that are none are errors, and counted', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server, 'timeout 2s\nmax_response 100KB');
	const a = await connectSocket(t, kind(4, 'upgrade'), app(caddy));
	const answers = {
		'a page': [200, '<!doctype html><title>Welcome</title>'],
		'another place': (_, response) => response.writeHead(302, { Location: '/login' }).end(),
		'an end that never comes': (_, response) => response.writeHead(200).write('{"ack":["'),
		'no end of data': (_, response) => {
			const more = () => {
				while (response.write('x'.repeat(10_000)));
			};
			response.on('drain', more);
			more();
		},
		'no answer': () => {},
		'too much': [200, { ack: ['x'.repeat(100_000)] }],
		'absurd rooms': [200, { join: Array.from({ length: 5000 }, (_, i) => `room ${i}`) }],
		'another shape': [200, { ack: { ok: true } }],
		'no more': (request) => request.socket.destroy(),
	};
	for (const [event, answer] of Object.entries(answers)) {
		server.answer = () => answer;
		assert.deepEqual(await emitWithAck(a, event), [{ error: 'service unavailable' }], event);
	}
	server.answer = () => [200, { ack: ['fine'] }];
	assert.deepEqual(await emitWithAck(a, 'order'), ['fine']);
	assert.deepEqual(server.of('event', 'order')[0].body.socket.rooms, [a.id]);
	const outages = `caddy_socketio_backend_requests_total{hub="default",outcome="outage",type="event"} ${Object.keys(answers).length}\n`;
	assert.ok((await caddy.get('/metrics')).body.includes(outages));
});

test('what a client sends as it leaves is handled, but it is not waited for long', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server, 'timeout 1h');
	const a = await connectSocket(t, kind(4, 'websocket'), app(caddy));
	const disconnected = () => new Promise((resolve) => {
		const { answer } = server;
		server.answer = (seen) => {
			if (seen.body.type === 'disconnect') resolve();
			return answer(seen);
		};
	});
	let told = disconnected();
	for (let i = 0; i < 10; i++) a.emit('bye', i);
	a.disconnect();
	await withDeadline(told, 'the disconnect request');
	assert.equal(server.of('event', 'bye').length, 10);

	const b = await connectSocket(t, kind(4, 'websocket'), app(caddy));
	const asked = new Promise((resolve) => {
		server.answer = ({ body }) => (body.type === 'event' ? (request) => resolve({ closed: awaitEvent(request.socket, 'close') }) : [204]);
	});
	b.emit('hang');
	const { closed } = await withDeadline(asked, 'the request');
	told = disconnected();
	b.io.engine.close();
	await withDeadline(closed, 'the end of the request');
	await withDeadline(told, 'the disconnect request');
});

test('disconnect is told to the application, with its reason', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const a = await connectSocket(t, kind(4, 'websocket'), app(caddy));
	const told = new Promise((resolve) => {
		server.answer = ({ body }) => {
			if (body.type === 'disconnect') resolve(body);
			return [204];
		};
	});
	const { id } = a;
	a.disconnect();
	const body = await withDeadline(told, 'the disconnect request');
	assert.deepEqual([body.reason, body.socket.id, body.socket.rooms], ['client namespace disconnect', id, []]);
});

test('the application hears of every socket that ends with the process', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const sockets = await Promise.all(kinds.map((k) => connectSocket(t, k, app(caddy))));
	const ids = sockets.map(({ id }) => id).sort();
	await caddy.stop();
	const told = server.of('disconnect').map(({ body }) => body);
	assert.deepEqual(told.map(({ socket }) => socket.id).sort(), ids);
	for (const { reason } of told) assert.equal(reason, 'server shutting down');
});

test('a reload leaves requests under way to their end', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const sockets = await Promise.all(kinds.map((k) => connectSocket(t, k, app(caddy))));
	for (const socket of sockets) socket.on('disconnect', (reason) => assert.fail(reason));
	let release;
	const released = new Promise((resolve) => (release = resolve));
	const asked = new Promise((resolve) => {
		server.answer = async ({ body }) => {
			if (server.of('event', 'old').length === kinds.length) resolve();
			await released;
			return [200, { ack: [body.event] }];
		};
	});
	const answers = sockets.map((socket) => emitWithAck(socket, 'old'));
	await withDeadline(asked, 'all requests');
	await caddy.reload(socketio(`
		namespace /app {
			on * {
				ack new
			}
		}
	`));
	for (const socket of sockets) socket.emit('behind');
	release();
	for (const answer of answers) assert.deepEqual(await answer, ['old']);
	for (const socket of sockets) assert.deepEqual(await emitWithAck(socket, 'n'), ['new']);
	for (const socket of sockets) socket.off('disconnect');
});

test('signed requests are verified by the library of Standard Webhooks', async (t) => {
	const [fresh, old] = ['a secret of thirty-two bytes....', 'one that was used before it.....'].map((key) => `whsec_${btoa(key)}`);
	const server = await App.start(t);
	const caddy = await start(t, server, `sign ${fresh} ${old}`);
	await connectSocket(t, kind(4, 'websocket'), app(caddy));
	const [{ headers, text, body }] = server.of('connect');
	for (const secret of [fresh, old]) assert.deepEqual(new Webhook(secret).verify(text, headers), body);

	const webhook = new Webhook(fresh);
	const then = String(headers['webhook-timestamp'] - 3600);
	for (const [what, key, body, more] of [
		['another secret', new Webhook(`whsec_${btoa('whoever')}`), text],
		['an altered body', webhook, text.replace('/app', '/spp')],
		['an older time', webhook, text, { 'webhook-timestamp': then }],
		['another id', webhook, text, { 'webhook-id': 'msg_1' }],
	]) assert.throws(() => key.verify(body, { ...headers, ...more }), WebhookVerificationError, what);

	// One that was signed long ago is refused, however good its signature is.
	const replayed = webhook.sign(headers['webhook-id'], new Date(then * 1000), text);
	assert.throws(() => webhook.verify(text, { ...headers, 'webhook-timestamp': then, 'webhook-signature': replayed }), /too old/);

	for (const { secrets: [secret], body: vector, 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature } of vectors) {
		if (secret.startsWith('whsec_')) assert.equal(new Webhook(secret).sign(id, new Date(time * 1000), vector), signature.split(' ')[0]);
	}
});

const secret = 'a secret that is long enough for HS256, it is';
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
function token(claims, key = secret) {
	const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
	return `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`;
}

const guarded = socketio(`namespace /chat {
	on connect {
		jwt {
			from {socket.auth.token}
			secret "${secret}"
		}
		require \`jwt.role != "banned"\` "you are banned"
		set name {jwt.name}
		join lobby user:{jwt.sub}
	}
	on join {
		require \`event.args[0].startsWith("public:")\` "not your room"
		join {event.args.0}
		ack {socket.rooms} {socket.data.name}
	}
}`);

describeWithCaddy('jwt and require', guarded, (caddy) => {
	const now = Math.floor(Date.now() / 1000);
	const claims = { sub: '7', name: 'Ada', role: 'user', exp: now + 3600 };
	const visit = (t, k, jwt) => (k.version === 2
		? openSocket(t, k, `${caddy().url}/chat?token=${jwt}`)
		: openSocket(t, k, `${caddy().url}/chat`, { auth: { token: jwt } }));

	for (const k of kinds) {
		test(`a good token opens, and its claims are known (${k.name})`, async (t) => {
			const a = visit(t, k, token(claims));
			await awaitConnect(a);
			assert.deepEqual(await emitWithAck(a, 'join', 'private:1'), [{ error: 'not your room' }]);
			assert.deepEqual(await emitWithAck(a, 'join', 'public:1'), [[a.id, 'lobby', 'user:7', 'public:1'], 'Ada']);
		});

		test(`a bad token does not (${k.name})`, async (t) => {
			assert.equal(await awaitConnectError(visit(t, k, token({ ...claims, role: 'banned' }))), 'you are banned');
			const none = `${encode({ alg: 'none' })}.${encode(claims)}.`;
			for (const bad of ['', 'nonsense', none, token(claims, 'another'), token({ ...claims, exp: now - 3600 })]) {
				const message = await awaitConnectError(visit(t, k, bad));
				assert.ok(message.length > 0);
			}
		});
	}

	test('a refused socket leaves the connection to the others', async (t) => {
		const root = await connectSocket(t, kind(4, 'websocket'), caddy().url);
		assert.match(await awaitConnectError(openNamespace(t, root, '/chat')), /./);
		assert.equal(root.connected, true);
	});
});
