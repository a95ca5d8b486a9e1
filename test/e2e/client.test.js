// The official clients that Caddy serves: the bytes of their packages, in a browser.

import assert from 'node:assert/strict';
import { once as eventOf } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import http from 'node:http';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchBrowser, skip } from './lib/browser.js';
import { describeWithCaddy, test } from './lib/rules.js';

const served = {
	2: ['socket.io.js'],
	3: ['socket.io.js', 'socket.io.min.js', 'socket.io.msgpack.min.js'],
	4: ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js', 'socket.io.msgpack.min.js'],
};
const loaded = { 2: ['socket.io.js'], 3: ['socket.io.js'], 4: ['socket.io.min.js', 'socket.io.esm.min.js'] };

// A server of pages on another port.
const elsewhere = http.createServer().listen(0, '127.0.0.1');
await eventOf(elsewhere, 'listening');
after(() => elsewhere.close());
const origin = `http://127.0.0.1:${elsewhere.address().port}`;

// Each version has a path of its own, and a page for each file. A module names what it imports.
const load = (src) => (src.includes('.esm.')
	? `<script type=module>import { io } from '${src}'; window.io = io;</script>`
	: `<script src=${src}></script>`);
const site = Object.entries(loaded).map(([version, files]) => `
	socketio {
		path /v${version}/
		serve_client ${version}
		origins ${origin}
		namespace / {
			on hi {
				ack "hello {event.args.0}"
			}
		}
	}
	${files.map((file) => `respond /page/${version}/${file} \`<!doctype html>${load(`/v${version}/${file}`)}\``).join('\n\t')}`).join('\n');

describeWithCaddy('the served client', `header /page/* Content-Type text/html\n${site}`, (caddy) => {
	for (const [version, files] of Object.entries(served)) {
		test(`version ${version} is the published one`, async () => {
			const dist = fileURLToPath(new URL(`node_modules/socket.io-client-${version}/dist/`, import.meta.url));
			const published = (await readdir(dist)).filter((name) => !/dev|slim/.test(name) && name.startsWith('socket.io'));
			assert.deepEqual(published.sort(), files.flatMap((name) => [name, `${name}.map`]).sort());
			for (const name of published) {
				const response = await fetch(`${caddy().url}/v${version}/${name}`, { headers: { 'Accept-Encoding': 'gzip' } });
				assert.equal(response.headers.get('content-encoding'), 'gzip');
				assert.ok(Buffer.from(await response.arrayBuffer()).equals(await readFile(dist + name)), name);
			}
		});
	}

	let browser;
	before(async () => {
		if (!skip) browser = await launchBrowser();
	});
	after(() => browser?.close());

	for (const [version, files] of Object.entries(loaded)) {
		test(`pages load version ${version}, and connect`, { skip }, async () => {
			for (const file of files) {
				const page = await browser.newPage();
				const problems = [];
				page.on('pageerror', (error) => problems.push(error.message));
				await page.goto(`${caddy().url}/page/${version}/${file}`);
				const reply = await page.evaluate((path) => new Promise((resolve, reject) => {
					const socket = window.io({ path });
					socket.on('connect_error', reject);
					socket.emit('hi', path, resolve);
				}), `/v${version}/`);
				assert.equal(reply, `hello /v${version}/`);
				assert.deepEqual(problems, []);
				await page.close();
			}
		});
	}

	test('a page of an accepted origin imports the module', { skip }, async () => {
		const page = await browser.newPage();
		const address = caddy().url;
		elsewhere.on('request', (_, response) => {
			response.setHeader('Content-Type', 'text/html');
			response.end(`<!doctype html>${load(`${address}/v4/socket.io.esm.min.js`)}`);
		});
		await page.goto(origin);
		const reply = await page.evaluate((url) => new Promise((resolve) => {
			window.io(url, { path: '/v4/' }).emit('hi', 'you', resolve);
		}), address);
		assert.equal(reply, 'hello you');
	});
});
