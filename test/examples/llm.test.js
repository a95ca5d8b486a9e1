// The example of a language model as it is in examples/: each application, its Caddyfile
// and the page, with official clients and in a browser.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { launchBrowser, skip as noBrowser } from '../e2e/lib/browser.js';
import { Caddy, freePort } from '../e2e/lib/caddy.js';
import { connectSocket, emitWithAck, kind } from '../e2e/lib/clients.js';
import { test } from '../e2e/lib/rules.js';
import { awaitEvent } from '../e2e/lib/time.js';
import { Child, missing, site } from './lib/application.js';

const examples = [
	{
		name: 'Python', caddyfile: 'llm/Caddyfile', skip: missing('python3', '--version'),
		command: () => ['python3', 'examples/llm/app.py'],
	},
	{
		name: 'PHP by FastCGI', caddyfile: 'llm/fpm.Caddyfile', skip: missing('php-cgi', '--version'),
		command: (port) => ['php-cgi', '-b', `127.0.0.1:${port}`],
	},
];

for (const example of examples) {
	describe(`a language model in ${example.name}`, { skip: example.skip }, () => {
		let app;
		let caddy;
		before(async () => {
			const port = await freePort();
			app = await Child.start({ port }, example.command(port));
			caddy = await Caddy.start(await site(example.caddyfile, port));
		});
		after(async () => {
			await caddy?.stop();
			await app?.stop();
		});

		for (const [version, transport] of [[4, 'websocket'], [4, 'polling'], [2, 'websocket']]) {
			test(`tokens arrive one by one, with client ${version} over ${transport}`, async (t) => {
				const socket = await connectSocket(t, kind(version, transport), caddy.url);
				const tokens = [];
				socket.on('token', (token) => tokens.push(token));
				const answered = emitWithAck(socket, 'ask', 'why?');
				const first = await Promise.race([awaitEvent(socket, 'token'), answered]);
				assert.deepEqual(first, ['You ']);
				assert.deepEqual(await answered, ['done']);
				assert.equal(tokens.join(''), 'You asked: why? A real model would have an answer. ');
			});
		}

		test('a stop event cancels the answer', async (t) => {
			const socket = await connectSocket(t, kind(4, 'websocket'), caddy.url);
			for (let i = 0; i < 3; i++) { // the application is free again each time
				const tokens = [];
				const collect = (token) => tokens.push(token);
				socket.on('token', collect);
				const answered = emitWithAck(socket, 'ask', 'word '.repeat(2000));
				await awaitEvent(socket, 'token');
				assert.deepEqual(await emitWithAck(socket, 'stop'), []);
				assert.deepEqual(await answered, [{ error: 'canceled' }]);
				socket.off('token', collect);
				assert.ok(tokens.length < 1000, `${tokens.length} tokens`);
			}
			assert.deepEqual(await emitWithAck(socket, 'ask', 'still there?'), ['done']);
		});

		test('the page shows tokens and stops them', { skip: example.name === 'Python' ? noBrowser : 'the page is the same' }, async (t) => {
			const browser = await launchBrowser();
			t.after(() => browser.close());
			const page = await browser.newPage();
			page.on('pageerror', (error) => assert.fail(error.message));
			await page.goto(caddy.url);
			await page.locator('#question').fill('hello');
			await page.locator('#question').press('Enter');
			await page.locator('#status', { hasText: 'done' }).waitFor();
			assert.equal(await page.locator('#answer').textContent(), 'You asked: hello A real model would have an answer. ');
			await page.locator('#question').fill('word '.repeat(400).trim());
			await page.locator('#ask').click();
			await page.locator('#answer', { hasText: 'word' }).waitFor();
			await page.locator('#stop').click();
			await page.locator('#status', { hasText: 'canceled' }).waitFor();
		});

		test('the application is not open to the world', async () => {
			for (const path of ['/app.py', '/app.php', '/../app.php', '/ask']) {
				const response = await fetch(caddy.url + path, { method: 'POST', body: '{"args":["x"]}' });
				assert.ok([404, 405].includes(response.status), `${path}: ${response.status}`);
			}
		});
	});
}
