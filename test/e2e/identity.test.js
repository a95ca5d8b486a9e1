// Identities: tokens in each place of a request, addresses from proxies,
// and both of them in the logs.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from './lib/app.js';
import { Caddy } from './lib/caddy.js';
import { awaitConnectError, connectSocket, emitWithAck, kind, kinds, openSocket } from './lib/clients.js';
import { socketio, test } from './lib/rules.js';
import { awaitEvent, withDeadline } from './lib/time.js';

const secret = 'a secret that is long enough for HS256, it is';
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
function token(claims) {
	const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
	return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

test('a token may be in the query, a header or a cookie, and is in no log', async (t) => {
	const dir = await mkdtemp(join(tmpdir(), 'caddy-e2e-'));
	t.after(() => rm(dir, { recursive: true, force: true }));
	const caddy = await Caddy.start(`
		log {
			output file "${join(dir, 'access')}"
			format filter {
				request>uri query {
					replace token REDACTED
				}
			}
		}
		${socketio(`namespace /chat {
			on connect {
				jwt {
					secret "${secret}"
					from {http.request.uri.query.token} {http.request.header.Authorization} {http.request.cookie.token}
				}
			}
			on who {
				ack {jwt.sub}
			}
		}`)}`, { global: `log all {\noutput file "${join(dir, 'log')}"\nformat json\nlevel DEBUG\nexclude http.log.access\n}` });
	t.after(() => caddy.stop());
	const good = token({ sub: 'ada' });
	const bad = `${good}x`;
	const places = (jwt) => [
		{ query: { token: jwt } },
		{ extraHeaders: { Authorization: `Bearer ${jwt}` } },
		{ extraHeaders: { Cookie: `theme=dark; token=${jwt}` } },
	];
	const evil = 'a\r\n{"level":"error","msg":"forged"}\u2028';
	for (const options of places(good)) {
		for (const k of kinds) {
			const a = await connectSocket(t, k, `${caddy.url}/chat`, options);
			assert.deepEqual(await emitWithAck(a, 'who'), ['ada'], k.name);
			a.emit(evil);
			assert.deepEqual(await emitWithAck(a, 'who'), ['ada'], k.name);
		}
	}
	for (const options of places(bad)) assert.equal(await awaitConnectError(openSocket(t, kind(4, 'websocket'), `${caddy.url}/chat`, options)), 'invalid token');
	await caddy.stop();

	const [access, log] = await Promise.all(['access', 'log'].map((name) => readFile(join(dir, name), 'utf8')));
	assert.ok(access.includes('token=REDACTED'));
	const signature = good.split('.')[2];
	for (const text of [access, log]) assert.ok(!text.includes(signature));
	const lines = log.trimEnd().split('\n').map((line) => JSON.parse(line));
	assert.ok(lines.some(({ event, namespace }) => event === evil && namespace === '/chat'));
	assert.ok(!lines.some(({ msg }) => msg === 'forged'));
});

test('a socket ends with its token', async (t) => {
	const caddy = await Caddy.start(socketio(`namespace /chat {
		on connect {
			jwt {
				secret "${secret}"
				close_on_expiry
			}
		}
	}`));
	t.after(() => caddy.stop());
	const soon = token({ sub: 'ada', exp: Math.ceil(Date.now() / 1000) + 2 });
	const [a, b] = await Promise.all([soon, token({ sub: 'alan' })].map((jwt) => connectSocket(t, kind(4, 'websocket'), `${caddy.url}/chat`, { auth: { token: jwt } })));
	b.on('disconnect', (reason) => assert.fail(reason));
	assert.deepEqual((await awaitEvent(a, 'disconnect'))[0], 'io server disconnect');
	assert.ok(b.connected);
	b.off('disconnect');
});

for (const [title, global, address] of [
	['nobody is who X-Forwarded-For says', '', '127.0.0.1'],
	['a trusted proxy says who a client is', 'servers {\ntrusted_proxies static 127.0.0.0/8\n}', '203.0.113.9'],
]) {
	test(title, async (t) => {
		const server = await App.start(t);
		const caddy = await Caddy.start(socketio(`namespace /app {
			on connect {
				backend {
					reverse_proxy ${server.address}
				}
			}
			on who {
				require \`http.address == "${address}"\` "somebody else"
				ack ok
			}
		}`), { global });
		t.after(() => caddy.stop());
		const a = await connectSocket(t, kind(4, 'upgrade'), `${caddy.url}/app`, { extraHeaders: { 'X-Forwarded-For': '203.0.113.9' } });
		const [{ body, headers }] = server.of('connect');
		assert.equal(body.socket.handshake.address, address);
		assert.match(headers['x-forwarded-for'], new RegExp(`^${address}\\b`));
		assert.deepEqual(await withDeadline(emitWithAck(a, 'who'), 'who'), ['ok']);
	});
}
