// Events as requests to a web application, and its answers; and the rules that
// decide without one: require and jwt.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { App } from './lib/app.js';
import { Caddy } from './lib/caddy.js';
import { beside, call, connect, connected, kind, kinds, open, refused } from './lib/clients.js';
import { serving, socketio, test } from './lib/rules.js';
import { heard, within } from './lib/time.js';

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
	const a = await connect(t, kind(4, 'websocket'), app(caddy), {
		auth: { token: 'secret' },
		extraHeaders: { Cookie: 'session=1', 'User-Agent': 'e2e' },
	});
	server.answer = () => [200, { ack: ['ok', { n: 1 }] }];
	assert.deepEqual(await call(a, 'order', { item: 7 }, Buffer.from('☕'), null), ['ok', { n: 1 }]);

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

test('an answer joins, leaves, emits, keeps data and disconnects', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const [a, b] = await Promise.all([kind(4, 'upgrade'), kind(2, 'websocket')].map((k) => connect(t, k, app(caddy))));

	server.answer = () => [200, { join: ['room'], ack: [] }];
	await call(a, 'in');
	await call(b, 'in');
	const file = { $binary: Buffer.from([1, 2]).toString('base64') };
	server.answer = () => [200, { data: { name: 'ada' }, emit: [{ event: 'joined', args: ['ada', file], to: ['room'] }], ack: ['done'] }];
	const joined = heard(b, 'joined');
	assert.deepEqual(await call(a, 'hello'), ['done']);
	const [name, bytes] = await joined;
	assert.deepEqual([name, Buffer.from(bytes)], ['ada', Buffer.from([1, 2])]);

	server.answer = () => [200, { leave: ['room'], ack: [] }];
	await call(a, 'out');
	assert.deepEqual(server.of('event', 'out')[0].body.socket.rooms, [a.id, 'room']);
	assert.deepEqual(server.of('event', 'out')[0].body.socket.data, { name: 'ada' });
	server.answer = () => [204];
	a.emit('nothing');
	server.answer = ({ body }) => [200, body.event === 'bye' ? { disconnect: true } : {}];
	const reason = heard(a, 'disconnect');
	const { id } = a;
	a.emit('bye');
	assert.equal((await reason)[0], 'io server disconnect');
	assert.deepEqual(server.of('event', 'bye')[0].body.socket.rooms, [id]);
});

test('on connect a 4xx is a verdict, with its message', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	server.answer = () => [403, { error: { message: 'members only' } }];
	for (const k of kinds) assert.equal(await refused(open(t, k, app(caddy))), 'members only');
	server.answer = () => [403, { error: { message: 'members only', data: { code: 7 } } }];
	const [error] = await heard(open(t, kind(4, 'websocket'), app(caddy)), 'connect_error');
	assert.deepEqual([error.message, error.data], ['members only', { code: 7 }]);
	server.answer = () => [401];
	assert.equal(await refused(open(t, kind(4, 'websocket'), app(caddy))), 'Unauthorized');
});

test('on connect an outage lets the client come back by itself', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	let outages = 6;
	server.answer = ({ body }) => (body.type === 'connect' && outages-- > 0 ? [503, 'down'] : [200, { ack: ['up'] }]);
	await Promise.all([2, 3, 4].map(async (version) => {
		const a = open(t, kind(version, 'websocket'), app(caddy), { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 50 });
		a.on('connect_error', () => {});
		await within(new Promise((resolve) => a.once('connect', resolve)), 'connect');
		assert.deepEqual(await call(a, 'still there'), ['up']);
	}));
	assert.ok(server.of('connect').length > 6);
});

test('on an event an error or an outage is acknowledged, and the socket stays', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const a = await connect(t, kind(4, 'upgrade'), app(caddy));
	for (const answer of [[422, { error: { message: 'too much' } }], [500, 'oops'], [200, 'no json'], [200, { join: 'no list' }]]) {
		server.answer = () => answer;
		const [{ error }] = await call(a, 'order');
		assert.equal(typeof error, 'string');
		if (answer[0] === 422) assert.equal(error, 'too much');
		a.emit('order');
	}
	server.answer = () => [200, { ack: ['fine'] }];
	assert.deepEqual(await call(a, 'order'), ['fine']);
});

test('the events of one socket are handled one after another', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const a = await connect(t, kind(4, 'websocket'), app(caddy));
	server.answer = ({ body }) => [200, { ack: [body.args[0]] }];
	for (let i = 0; i < 50; i++) a.emit('n', i);
	assert.deepEqual(await call(a, 'n', 50), [50]);
	assert.deepEqual(server.of('event', 'n').map(({ body }) => body.args[0]), Array.from({ length: 51 }, (_, i) => i));
});

test('disconnect is told to the application, with its reason', async (t) => {
	const server = await App.start(t);
	const caddy = await start(t, server);
	const a = await connect(t, kind(4, 'websocket'), app(caddy));
	const told = new Promise((resolve) => {
		server.answer = ({ body }) => {
			if (body.type === 'disconnect') resolve(body);
			return [204];
		};
	});
	const { id } = a;
	a.disconnect();
	const body = await within(told, 'the disconnect request');
	assert.deepEqual([body.reason, body.socket.id, body.socket.rooms], ['client namespace disconnect', id, []]);
});

test('signed requests are verified by the library of Standard Webhooks', async (t) => {
	const [fresh, old] = ['a secret of thirty-two bytes....', 'one that was used before it.....'].map((key) => `whsec_${btoa(key)}`);
	const server = await App.start(t);
	const caddy = await start(t, server, `sign ${fresh} ${old}`);
	await connect(t, kind(4, 'websocket'), app(caddy));
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

serving('jwt and require', guarded, (caddy) => {
	const now = Math.floor(Date.now() / 1000);
	const claims = { sub: '7', name: 'Ada', role: 'user', exp: now + 3600 };
	const visit = (t, k, jwt) => (k.version === 2
		? open(t, k, `${caddy().url}/chat?token=${jwt}`)
		: open(t, k, `${caddy().url}/chat`, { auth: { token: jwt } }));

	for (const k of kinds) {
		test(`a good token opens, and its claims are known (${k.name})`, async (t) => {
			const a = visit(t, k, token(claims));
			await connected(a);
			assert.deepEqual(await call(a, 'join', 'private:1'), [{ error: 'not your room' }]);
			assert.deepEqual(await call(a, 'join', 'public:1'), [[a.id, 'lobby', 'user:7', 'public:1'], 'Ada']);
		});

		test(`a bad token does not (${k.name})`, async (t) => {
			assert.equal(await refused(visit(t, k, token({ ...claims, role: 'banned' }))), 'you are banned');
			const none = `${encode({ alg: 'none' })}.${encode(claims)}.`;
			for (const bad of ['', 'nonsense', none, token(claims, 'another'), token({ ...claims, exp: now - 3600 })]) {
				const message = await refused(visit(t, k, bad));
				assert.ok(message.length > 0);
			}
		});
	}

	test('a refused socket leaves the connection to the others', async (t) => {
		const root = await connect(t, kind(4, 'websocket'), caddy().url);
		assert.match(await refused(beside(t, root, '/chat')), /./);
		assert.equal(root.connected, true);
	});
});
