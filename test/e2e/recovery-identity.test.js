// A socket is recovered by its own user only, whatever tells users apart.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { App } from './lib/app.js';
import { Caddy } from './lib/caddy.js';
import { awaitConnectError, connectSocket, kind, openSocket } from './lib/clients.js';
import { describeWithCaddy, test } from './lib/rules.js';
import { awaitEvent } from './lib/time.js';

const secret = 'a secret that is long enough for HS256, it is';
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
function token(claims) {
	const body = `${encode({ alg: 'HS256' })}.${encode(claims)}`;
	return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}
const jwt = (...from) => `jwt {\nsecret "${secret}"\nfrom ${from.join(' ')}\n}`;
const client = kind(4, 'websocket');

// back reports whether a client recovers the socket that another has lost.
async function back(t, url, lost, next) {
	const former = await connectSocket(t, client, url, lost);
	const { id, _pid: pid } = former;
	const gone = awaitEvent(former, 'disconnect');
	former.io.engine.close();
	await gone;
	const socket = await connectSocket(t, client, url, { ...next, auth: { ...next.auth, pid } });
	return socket.id === id;
}

const headers = (extraHeaders) => ({ extraHeaders });
const ada = token({ sub: 'ada', iat: 1 });
const ada2 = token({ sub: 'ada', iat: 2, exp: 4e9 });
const eve = token({ sub: 'eve' });
const device = token({ sub: 'device' });

describeWithCaddy('identity', `
	socketio {
		recovery 1m
		cookie io
		namespace /plain {
			on connect {
				join lobby
			}
		}
		namespace /jwt {
			on connect {
				${jwt('{socket.auth.token}', '{http.request.header.Authorization}')}
				join user:{jwt.sub}
			}
			on refresh {
				${jwt('{event.args.0}')}
				ack
			}
		}
		namespace /two {
			on connect {
				${jwt('{socket.auth.token}')}
				${jwt('{socket.auth.device}')}
			}
		}
		namespace /header {
			on connect {
				join user:{http.request.header.Remote-User}
				set ip {http.request.header.X-Forwarded-For}
			}
		}
	}`, (caddy) => {
	const auth = (...tokens) => ({ auth: { token: tokens[0], device: tokens[1] } });
	const bearer = (text) => headers({ Authorization: `Bearer ${text}` });
	for (const [title, name, lost, next, recovered] of [
		['nobody', '/plain', {}, {}, true],
		['cookies without an application', '/plain', headers({ Cookie: 'a=1' }), headers({ Cookie: 'a=2' }), true],
		['the same token', '/jwt', auth(ada), auth(ada), true],
		['a newer token', '/jwt', auth(ada), auth(ada2), true],
		['the token in another place', '/jwt', auth(ada), bearer(ada2), true],
		['another user', '/jwt', auth(ada), auth(eve), false],
		['another user in another place', '/jwt', bearer(ada), auth(eve), false],
		['another issuer', '/jwt', auth(ada), auth(token({ sub: 'ada', iss: 'https://evil.example' })), false],
		['no subject', '/jwt', auth(token({ user: 1, exp: 4e9 })), auth(token({ user: 1, jti: 'x' })), true],
		['another without a subject', '/jwt', auth(token({ user: 1 })), auth(token({ user: 2 })), false],
		['both tokens', '/two', auth(ada, device), auth(ada2, device), true],
		['another first token', '/two', auth(ada, device), auth(eve, device), false],
		['another second token', '/two', auth(ada, device), auth(ada, eve), false],
		['the same header', '/header', headers({ 'Remote-User': 'ada', 'X-Forwarded-For': '192.0.2.1' }), headers({ 'Remote-User': 'ada', 'X-Forwarded-For': '192.0.2.2' }), true],
		['another header', '/header', headers({ 'Remote-User': 'ada' }), headers({ 'Remote-User': 'eve' }), false],
		['a header less', '/header', headers({ 'Remote-User': 'ada' }), {}, false],
		['a header more', '/header', {}, headers({ 'Remote-User': 'eve' }), false],
	]) {
		test(`${title}: ${recovered ? '' : 'not '}recovered`, async (t) => {
			assert.equal(await back(t, caddy().url + name, lost, next), recovered);
		});
	}

	test('a client without a token is refused, and takes nothing away', async (t) => {
		const url = `${caddy().url}/jwt`;
		const former = await connectSocket(t, client, url, auth(ada));
		const { id, _pid: pid } = former;
		assert.equal(await awaitConnectError(openSocket(t, client, url, { auth: { pid } })), 'token missing');
		assert.ok((await connectSocket(t, client, url, { auth: { pid, token: eve } })).id !== id);
		assert.ok(former.connected);
		assert.equal((await connectSocket(t, client, url, { auth: { pid, token: ada2 } })).id, id);
	});

	test('a socket that becomes another user is not recovered', async (t) => {
		const url = `${caddy().url}/jwt`;
		for (const [newer, recovered] of [[ada2, true], [eve, false]]) {
			const former = await connectSocket(t, client, url, auth(ada));
			await former.emitWithAck('refresh', newer);
			const { id, _pid: pid } = former;
			former.io.engine.close();
			assert.equal((await connectSocket(t, client, url, { auth: { pid, token: ada } })).id === id, recovered);
		}
	});
});

const password = '$2a$04$FQ8fTDe4Jajf8eic.JMKKe/oFY.kZpckEJzTc9qjWaUtp6eiav4QK';
describeWithCaddy('authentication', `
	basic_auth {
		ada ${password}
		eve ${password}
	}
	socketio {
		recovery 1m
		namespace /chat
	}`, (caddy) => {
	const as = (user) => headers({ Authorization: `Basic ${Buffer.from(`${user}:pw`).toString('base64')}` });
	for (const [lost, next, recovered] of [['ada', 'ada', true], ['ada', 'eve', false]]) {
		test(`${lost}, then ${next}: ${recovered ? '' : 'not '}recovered`, async (t) => {
			assert.equal(await back(t, `${caddy().url}/chat`, as(lost), as(next)), recovered);
		});
	}
});

test('with a backend, what the application judged by has to be the same', async (t) => {
	const app = await App.start(t);
	const caddy = await Caddy.start(`socketio {
		recovery 1m
		cookie io
		namespace /app {
			on connect {
				backend {
					reverse_proxy ${app.address}
				}
			}
		}
		namespace /session {
			on connect {
				backend {
					identity {http.request.cookie.session}
					reverse_proxy ${app.address}
				}
			}
		}
		namespace /both {
			on connect {
				${jwt('{socket.auth.token}', '{http.request.cookie.token}')}
				backend {
					reverse_proxy ${app.address}
				}
			}
		}
	}`);
	t.after(() => caddy.stop());
	const cookie = (text) => headers({ Cookie: text });
	const asking = (auth) => ({ auth });
	for (const [title, name, lost, next, recovered] of [
		['nothing', '/app', {}, {}, true],
		['the same cookie', '/app', cookie('session=ada; a=1'), cookie('a=1; session=ada'), true],
		['the cookie of this server', '/app', cookie('session=ada'), cookie('session=ada; io=x'), true],
		['another cookie', '/app', cookie('session=ada'), cookie('session=eve'), false],
		['a cookie less', '/app', cookie('session=ada'), {}, false],
		['a cookie more', '/app', {}, cookie('session=eve'), false],
		['another header', '/app', headers({ Authorization: 'Bearer a' }), headers({ Authorization: 'Bearer b' }), false],
		['the same auth', '/app', asking({ token: 'a', b: [1] }), asking({ b: [1], token: 'a' }), true],
		['another auth', '/app', asking({ token: 'a' }), asking({ token: 'b' }), false],
		['another query', '/app', { query: { token: 'a' } }, { query: { token: 'b' } }, false],
		['the same query', '/app', { query: { token: 'a' } }, { query: { token: 'a' } }, true],
		['the identity', '/session', cookie('session=ada; ga=1'), cookie('session=ada; ga=2'), true],
		['another identity', '/session', cookie('session=ada'), cookie('session=eve'), false],
		['a newer token', '/both', asking({ token: ada }), asking({ token: ada2 }), true],
		['another token', '/both', asking({ token: ada }), asking({ token: eve }), false],
		['a newer token in a cookie', '/both', cookie(`token=${ada}`), cookie(`token=${ada2}`), true],
		['a newer token and another cookie', '/both', cookie(`token=${ada}; session=ada`), cookie(`token=${ada2}; session=eve`), false],
	]) {
		const asked = app.requests.length;
		assert.equal(await back(t, caddy.url + name, lost, next), recovered, title);
		assert.equal(app.requests.length, asked + (recovered ? 1 : 2), title);
	}
});
