// The examples of private messages as they are in examples/: each application,
// its Caddyfile and the page, with official clients.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { Caddy, freePort } from '../e2e/lib/caddy.js';
import { awaitConnectError, connectSocket, emitWithAck, kind, openSocket } from '../e2e/lib/clients.js';
import { test } from '../e2e/lib/rules.js';
import { awaitEvent, withDeadline } from '../e2e/lib/time.js';
import { Child, missing, root, site } from './lib/application.js';


// python returns the Python that has a module: Debian's has Debian's modules.
const python = (module) => ['python3', '/usr/bin/python3'].find((command) => !missing(command, '-c', `import ${module}`));
const missingModule = (module) => (python(module) ? false : `the module ${module} of Python is not installed`);

const examples = [
	{
		name: 'Python', caddyfile: 'python/Caddyfile', skip: missing('python3', '--version'),
		command: () => ['python3', 'examples/python/app.py'],
	},
	{
		name: 'Flask', caddyfile: 'flask/Caddyfile', skip: missingModule('flask'),
		command: () => [python('flask'), 'examples/flask/app.py'],
	},
	{
		name: 'Django', caddyfile: 'django/Caddyfile', skip: missingModule('django'),
		command: () => [python('django'), 'examples/django/app.py'],
	},
	{ name: 'Node.js', caddyfile: 'node/Caddyfile', command: () => [process.execPath, 'examples/node/app.mjs'] },
	{ name: 'Express', caddyfile: 'express/Caddyfile', command: () => [process.execPath, 'examples/express/app.mjs'] },
	{
		name: 'Go', caddyfile: 'go/Caddyfile', skip: missing('go', 'version'),
		prepare: (dir) => spawnSync('go', ['build', '-o', join(dir, 'app'), './examples/go'], { cwd: root, stdio: 'inherit' }),
		command: (port, dir) => [join(dir, 'app')],
	},
	{
		name: 'PHP', caddyfile: 'php/Caddyfile', skip: missing('php', '--version'),
		command: (port, dir) => ['php', '-d', `session.save_path=${dir}`, '-S', `127.0.0.1:${port}`, '-t', 'examples/php'],
	},
	{
		name: 'PHP by FastCGI', caddyfile: 'php/fpm.Caddyfile', skip: missing('php-cgi', '--version'),
		command: (port, dir) => ['php-cgi', '-d', `session.save_path=${dir}`, '-b', `127.0.0.1:${port}`],
	},
];

for (const example of examples) {
	describe(`private messages in ${example.name}`, { skip: example.skip }, () => {
		let dir;
		let app;
		let caddy;
		before(async () => {
			dir = await mkdtemp(join(tmpdir(), 'caddy-example-'));
			example.prepare?.(dir);
			const [port, http, admin] = [await freePort(), await freePort(), await freePort()];
			app = await Child.start({ port, SOCKETIO_API: `http://127.0.0.1:${admin}/socketio` }, example.command(port, dir));
			caddy = await Caddy.start(await site(example.caddyfile, port), { ports: { http, admin } });
		});
		after(async () => {
			await caddy?.stop();
			await app?.stop();
			await rm(dir, { recursive: true, force: true });
		});

		const login = (name, password) => withDeadline(fetch(`${caddy.url}/login`, {
			method: 'POST',
			body: new URLSearchParams({ name, password }),
		}), 'login');

		// cookie returns the session cookie of a user who has logged in.
		async function cookie(name, password) {
			const response = await login(name, password);
			assert.equal(response.status, 200, await response.text());
			const [set] = response.headers.getSetCookie();
			assert.match(set, /HttpOnly/i);
			assert.match(set, /SameSite=Lax/i);
			return set.split(';')[0];
		}

		const enter = (t, k, Cookie) => connectSocket(t, k, caddy.url, { extraHeaders: { Cookie } });

		test('nobody gets in without a login', async (t) => {
			assert.equal(await awaitConnectError(openSocket(t, kind(4, 'websocket'), caddy.url)), 'log in first');
			assert.equal(await awaitConnectError(openSocket(t, kind(2, 'polling'), caddy.url)), 'log in first');
			const real = await cookie('ada', 'lovelace');
			for (const Cookie of ['session=ada', 'session=', `${real}x`, real.replace(/=./, '=_'), `x${real}`, 'PHPSESSID=ada']) {
				assert.equal(await awaitConnectError(openSocket(t, kind(4, 'websocket'), caddy.url, { extraHeaders: { Cookie } })), 'log in first', Cookie);
			}
		});

		test('a wrong name or password is no login', async () => {
			for (const [name, password] of [['ada', 'turing'], ['ada', ''], ['nobody', ''], ['', ''], ['__proto__', 'x'], ['ada', 'ł'.repeat(99)]]) {
				const response = await login(name, password);
				assert.deepEqual([response.status, await response.json()], [401, { error: { message: 'wrong name or password' } }]);
				assert.deepEqual(response.headers.getSetCookie(), []);
			}
		});

		test('messages go to whom they are for, and say whom they are from', async (t) => {
			const ada = await enter(t, kind(4, 'upgrade'), await cookie('ada', 'lovelace'));
			const here = await cookie('alan', 'turing');
			const alan = await Promise.all([kind(2, 'websocket'), kind(3, 'polling')].map((k) => enter(t, k, here)));
			const grace = await enter(t, kind(4, 'websocket'), await cookie('grace', 'hopper'));
			grace.on('private message', (from) => assert.fail(`grace reads what ${from} wrote`));

			const got = alan.map((socket) => awaitEvent(socket, 'private message'));
			assert.deepEqual(await emitWithAck(ada, 'private message', 'alan', '<b>"☕"</b>'), ['sent']);
			for (const message of got) assert.deepEqual(await message, ['ada', '<b>"☕"</b>']);

			const back = awaitEvent(ada, 'private message');
			assert.deepEqual(await emitWithAck(alan[0], 'private message', 'ada', 'grace?'), ['sent']);
			assert.deepEqual(await back, ['alan', 'grace?']);
			assert.deepEqual(await emitWithAck(grace, 'private message', 'ada', 'yes'), ['sent']);
		});

		test('the application emits at any time', async (t) => {
			const ada = await enter(t, kind(3, 'websocket'), await cookie('ada', 'lovelace'));
			const alan = await enter(t, kind(4, 'websocket'), await cookie('alan', 'turing'));
			alan.on('notice', () => assert.fail('alan gets a notice for ada'));
			const notice = awaitEvent(ada, 'notice');
			await cookie('ada', 'lovelace');
			assert.deepEqual(await notice, ['You logged in from another browser.']);
			assert.deepEqual(await emitWithAck(alan, 'private message', 'ada', 'was it you?'), ['sent']);
		});

		test('what is no message is an error', async (t) => {
			const ada = await enter(t, kind(4, 'websocket'), await cookie('ada', 'lovelace'));
			const bad = [[], ['nobody', 'hello'], ['alan'], ['alan', ''], ['alan', 7], [['alan'], 'x'], ['alan', Buffer.from('x')], ['alan', 'x'.repeat(9000)]];
			for (const args of bad) {
				assert.deepEqual(await emitWithAck(ada, 'private message', ...args), [{ error: "expected a user's name and a text" }]);
			}
			assert.deepEqual(await emitWithAck(ada, 'private message', 'alan', 'still here'), ['sent']);
		});

		test('the page is there, and the application is not open to the world', async () => {
			const page = await fetch(caddy.url);
			assert.match(await page.text(), /<title>Private messages<\/title>/);
			const client = await fetch(`${caddy.url}/socket.io/socket.io.min.js`);
			assert.equal(client.status, 200);
			for (const path of ['/socket', '/socket.php', '/users.php', '/connect', '/login/x', '/socket.io/../../python/app.py']) {
				const response = await fetch(caddy.url + path, { method: 'POST', body: '{"type":"connect"}' });
				assert.ok([404, 405].includes(response.status), `${path}: ${response.status}`);
			}
		});
	});
}
