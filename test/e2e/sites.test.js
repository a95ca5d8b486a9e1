// The connections that a reload keeps: the ones of sites that the new config has too,
// whatever stands before them, and no other.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe } from 'node:test';
import { Caddy, freePort } from './lib/caddy.js';
import { emitWithAck, Inbox, kind, openSocket } from './lib/clients.js';
import { test } from './lib/rules.js';
import { awaitEvent } from './lib/time.js';

// All host names lead to an address of this machine.
const agentOf = (address) => new http.Agent({
	keepAlive: false,
	lookup: (name, { all }, done) => (all ? done(null, [{ address, family: 4 }]) : done(null, address, 4)),
});

// version is a namespace whose sockets are told which rules they are under.
const version = (n, name = '/') => `namespace ${name} {\n\ton version {\n\t\tack ${n}\n\t}\n}\n`;
const socketio = (n, settings = '', ...names) => `socketio {\n${settings}\n${['/', ...names].map((name) => version(n, name)).join('')}}\n`;
const chat = (settings = '') => socketio(1, settings, '/chat');
const site = (address, inside) => `${address} {\n${inside}\n}\n`;

// Each scenario is two configs and clients of the first one: where they connect, and
// the effect of the reload. They stay, or reconnect by themselves and then are
// under the rules of a version, or their site is gone, or their namespace is.
const scenarios = {
	'a site is added before': ({ a, b }) => [
		site(`http://:${b}`, chat()),
		site(`http://:${a}`, socketio(1)) + site(`http://:${b}`, chat()),
		{ to: `:${b}/chat`, stays: 1 },
		{ to: `:${b}/`, stays: 1, of: kind(2, 'websocket') },
		{ to: `:${b}/chat`, stays: 1, of: kind(4, 'upgrade') },
	],
	'a site is added after, and is closed again': ({ a, b }) => [
		site(`http://:${a}`, chat()) + site(`http://:${b}`, socketio(1, 'max_connections 9')),
		site(`http://:${a}`, chat()),
		{ to: `:${a}/chat`, stays: 1 },
		{ to: `:${b}/`, gone: true },
		{ to: `:${b}/`, gone: true, of: kind(3, 'websocket') },
	],
	'the first of two sites goes': ({ a, b }) => [
		site(`http://:${a}`, socketio(1)) + site(`http://:${b}`, chat()),
		site(`http://:${b}`, chat()),
		{ to: `:${a}/`, gone: true },
		{ to: `:${b}/chat`, stays: 1 },
	],
	'two sites change places': ({ a }) => [
		site(`http://one.test:${a}`, socketio(1)) + site(`http://two.test:${a}`, socketio(2, 'hub two')) + site(`http://three.test:${a}`, chat()),
		site(`http://three.test:${a}`, chat()) + site(`http://two.test:${a}`, socketio(2, 'hub two')) + site(`http://one.test:${a}`, socketio(1)),
		{ to: `one.test:${a}/`, stays: 1 },
		{ to: `two.test:${a}/`, first: 2, stays: 2 },
		{ to: `three.test:${a}/chat`, stays: 1 },
	],
	'sites with one snippet come and go': ({ a, b }) => [
		`(it) {\n${chat()}}\n` + site(`http://one.test:${a}`, 'import it') + site(`http://two.test:${a}`, 'import it') + site(`http://:${b}`, 'import it'),
		`(it) {\n${chat()}}\n` + site(`http://new.test:${a}`, 'import it') + site(`http://two.test:${a}`, 'import it'),
		{ to: `one.test:${a}/chat`, gone: true },
		{ to: `two.test:${a}/chat`, stays: 1 },
		{ to: `:${b}/chat`, gone: true },
	],
	'a site moves to another port': ({ a, b }) => [
		site(`http://:${a}`, socketio(1)),
		site(`http://:${b}`, socketio(1)),
		{ to: `:${a}/`, gone: true },
	],
	'a site gets other hosts and another setting': ({ a }) => [
		site(`http://one.test:${a}, http://two.test:${a}`, socketio(1)),
		site(`http://two.test:${a}, http://three.test:${a}`, socketio(2, 'max_connections 9')),
		{ to: `one.test:${a}/`, gone: true },
		{ to: `two.test:${a}/`, stays: 2 },
		{ to: `two.test:${a}/`, stays: 2, of: kind(2, 'websocket') },
	],
	'one host of a site gets a site of its own': ({ a }) => [
		site(`http://one.test:${a}, http://two.test:${a}`, socketio(1)),
		site(`http://two.test:${a}`, socketio(2, 'hub two')) + site(`http://one.test:${a}`, socketio(1)),
		{ to: `one.test:${a}/`, stays: 1 },
		{ to: `two.test:${a}/`, returns: 2 },
	],
	'one host of a wildcard gets a site of its own': ({ a }) => [
		site(`http://*.one.test:${a}`, socketio(1)),
		site(`http://*.one.test:${a}`, socketio(1)) + site(`http://x.one.test:${a}`, socketio(2, 'hub two')),
		{ to: `y.one.test:${a}/`, stays: 1 },
		{ to: `x.one.test:${a}/`, returns: 2 },
	],
	'one host of a wildcard gets a block of its own': ({ a }) => [
		site(`http://*.one.test:${a}`, `handle {\n${socketio(1)}}`),
		site(`http://*.one.test:${a}`, `@x host x.one.test\nhandle @x {\n${socketio(2, 'hub two')}}\nhandle {\n${socketio(1)}}`),
		{ to: `y.one.test:${a}/`, stays: 1 },
		{ to: `x.one.test:${a}/`, returns: 2 },
	],
	'hosts of a wildcard have routes of their own': ({ a }) => [
		site(`http://*.one.test:${a}`, ['x', 'y'].map((x) => `@${x} host ${x}.one.test\nhandle @${x} {\n${socketio(1, `max_connections ${x === 'x' ? 8 : 9}`)}}`).join('\n')),
		site(`http://*.one.test:${a}`, ['y', 'z'].map((x) => `@${x} host ${x}.one.test\nhandle @${x} {\n${socketio(1, `max_connections ${x === 'z' ? 8 : 9}`)}}`).join('\n')),
		{ to: `x.one.test:${a}/`, gone: true },
		{ to: `y.one.test:${a}/`, stays: 1 },
	],
	'the path changes': ({ a }) => [
		site(`http://:${a}`, socketio(1)),
		site(`http://:${a}`, socketio(1, 'path /other/')),
		{ to: `:${a}/`, gone: true },
	],
	'the same path in two hubs, one of which goes': ({ a }) => [
		site(`http://:${a}`, `@x header X-Hub two\nsocketio @x ${socketio(2, 'hub two').slice(9)}\n${socketio(1)}`),
		site(`http://:${a}`, socketio(1)),
		{ to: `:${a}/`, stays: 1 },
		{ to: `:${a}/`, first: 2, returns: 1, headers: { 'X-Hub': 'two' } },
	],
	'two routes of a site change': ({ a }) => [
		site(`http://:${a}`, `@x header X-Hub two\nhandle @x {\n${socketio(1, '', '/chat')}}\nhandle {\n${socketio(1)}}`),
		site(`http://:${a}`, `handle {\n${socketio(2, 'max_connections 9')}}\n@x header X-Hub two\nhandle @x {\n${socketio(2, '', '/chat')}}`),
		{ to: `:${a}/`, stays: 2 },
		{ to: `:${a}/chat`, stays: 2, headers: { 'X-Hub': 'two' } },
	],
	'a route of a site gets other gates and rules': ({ a }) => [
		site(`http://:${a}`, `@x header X-Hub two\nhandle @x {\n${socketio(1, '', '/chat')}}\nhandle {\n${socketio(1)}}`),
		site(`http://:${a}`, `@x header X-Hub two\nhandle @x {\n${socketio(1, '', '/chat')}}\n@y header X-Hub three\nhandle @y {\n${socketio(1, '', '/chat')}}`),
		{ to: `:${a}/`, gone: true },
		{ to: `:${a}/chat`, stays: 1, headers: { 'X-Hub': 'two' } },
	],
	'a handler moves into a block': ({ a }) => [
		site(`http://:${a}`, socketio(1)),
		site(`http://:${a}`, `handle /socket.io/* {\n${socketio(1)}}\nrespond hello`),
		{ to: `:${a}/`, stays: 1 },
		{ to: `:${a}/`, stays: 1, of: kind(3, 'upgrade') },
	],
	'a handler moves into a block that matches nothing, and changes': ({ a }) => [
		site(`http://:${a}`, socketio(1)),
		site(`http://:${a}`, `route {\n${socketio(2, 'max_connections 9')}}`),
		{ to: `:${a}/`, stays: 2 },
	],
	'a handler moves into a named route': ({ a }) => [
		site(`http://one.test:${a}`, chat()),
		`&(it) {\n${chat()}}\n` + site(`http://one.test:${a}`, 'invoke it') + site(`http://two.test:${a}`, 'invoke it'),
		{ to: `one.test:${a}/chat`, stays: 1 },
	],
	'a hub is renamed': ({ a }) => [
		site(`http://:${a}`, socketio(1, 'hub one')),
		site(`http://:${a}`, socketio(2, 'hub two')),
		{ to: `:${a}/`, returns: 2 },
		{ to: `:${a}/`, returns: 2, of: kind(2, 'websocket') },
	],
	'every setting changes': ({ a }) => [
		site(`http://:${a}`, socketio(1)),
		site(`http://:${a}`, socketio(2, 'transports websocket\nprotocols 4\nrecovery 1m\nping_interval 9s\nmax_payload 2MB\nmax_queue 5MB\nmax_connections 5\nrate_limit 50 60\ncompression on\ncookie io\norigins *')),
		{ to: `:${a}/`, stays: 2 },
		{ to: `:${a}/`, stays: 2, of: kind(2, 'websocket') },
	],
	'servers come before it': ({ a, b, c }) => [
		site(`http://:${b}`, chat()),
		site(`http://:${a}`, 'respond hello') + site(`https://secure.test:${c}`, `tls internal\n${socketio(1)}`) + site(`http://:${b}`, chat()),
		{ to: `:${b}/chat`, stays: 1 },
	],
	'one of two addresses goes': ({ a }) => [
		site(`http://:${a}`, `bind 127.0.0.1 127.0.0.2\n${socketio(1)}`),
		site(`http://:${a}`, `bind 127.0.0.1\n${socketio(1)}`),
		{ to: `:${a}/`, stays: 1 },
		{ to: `:${a}/`, at: '127.0.0.2', gone: true },
	],
	'a listener on an address becomes one on all': ({ a }) => [
		site(`http://:${a}`, `bind 127.0.0.1\n${socketio(1)}`),
		site(`http://:${a}`, socketio(1)),
		{ to: `:${a}/`, returns: 1 },
	],
	'a namespace leaves one of two sites': ({ a, b }) => [
		site(`http://:${a}`, chat()) + site(`http://:${b}`, chat()),
		site(`http://:${a}`, chat()) + site(`http://:${b}`, socketio(1)),
		{ to: `:${a}/chat`, stays: 1 },
		{ to: `:${b}/chat`, removed: true },
		{ to: `:${b}/`, stays: 1 },
	],
};

describe('sites over a reload', () => {
	let caddy;
	const ports = {};
	before(async () => {
		// Caddy numbers its servers in the order of their ports.
		[ports.a, ports.b, ports.c] = [await freePort(), await freePort(), await freePort()].sort((x, y) => x - y);
		caddy = await Caddy.start('respond hello');
	});
	after(() => caddy?.stop());

	const load = async (sites) => {
		const config = `{\n\tadmin ${caddy.admin}\n\tpersist_config off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n${sites}`;
		const { status, body } = await caddy.post('/load', config, 'text/caddyfile');
		assert.equal(status, 200, JSON.stringify(body));
	};

	for (const [title, make] of Object.entries(scenarios)) {
		test(title, async (t) => {
			const [old, next, ...expected] = make(ports);
			await load(old);
			const clients = await Promise.all(expected.map(async (expect) => {
				const { to, at = '127.0.0.1', of = kind(4, 'websocket'), headers, first = 1 } = expect;
				const socket = openSocket(t, of, `http://${to.startsWith(':') ? 'one.test' : ''}${to}`, {
					agent: agentOf(at), extraHeaders: headers,
					reconnection: true, reconnectionDelay: 10, randomizationFactor: 0,
				});
				const lost = [];
				socket.on('disconnect', (reason) => lost.push(reason));
				await awaitEvent(socket, 'connect'); // Caddy may reset a new connection while a listener of the last test closes
				assert.deepEqual(await emitWithAck(socket, 'version'), [first]);
				return { ...expect, socket, lost, inbox: new Inbox(socket, 'news') };
			}));
			const disconnected = clients.map(({ socket, stays }) => (stays ? null : awaitEvent(socket, 'disconnect')));
			const back = clients.map(({ socket, returns }) => (returns ? awaitEvent(socket, 'connect') : null));
			const { body: { hubs } } = await caddy.get('/socketio/');
			await emitToAll(hubs, 1);
			await load(next);
			for (const [i, { socket, stays, returns, gone }] of clients.entries()) {
				if (stays) {
					assert.deepEqual(await emitWithAck(socket, 'version'), [stays]);
					continue;
				}
				const [reason] = await disconnected[i];
				if (gone || returns) assert.match(reason, /^transport (close|error)$/);
				else assert.equal(reason, 'io server disconnect');
				if (returns) {
					await back[i];
					assert.deepEqual(await emitWithAck(socket, 'version'), [returns]);
				}
			}
			const { body: now } = await caddy.get('/socketio/');
			await emitToAll(now.hubs, 2);
			for (const { stays, inbox, lost } of clients) {
				if (!stays) continue;
				assert.deepEqual(await inbox.has(2), [[1], [2]]);
				assert.deepEqual(lost, []);
			}
		});
	}

	async function emitToAll(hubs, n) {
		for (const { name: hub } of hubs) {
			const { body } = await caddy.get(`/socketio/namespaces?hub=${hub}`);
			for (const { name: namespace } of body) await caddy.emit({ hub, namespace, event: 'news', args: [n] });
		}
	}
});
