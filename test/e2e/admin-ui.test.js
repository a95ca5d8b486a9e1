// The official Admin UI, unmodified, in Chromium: served by Caddy, with Caddy's sockets.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { after, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { launchBrowser, skip } from './lib/browser.js';
import { Caddy, run } from './lib/caddy.js';
import { awaitCondition } from './lib/cluster-sockets.js';
import { connectSocket, kind } from './lib/clients.js';
import { test } from './lib/rules.js';
import { awaitEvent } from './lib/time.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const dist = resolve(root, 'test/e2e/node_modules/@socket.io/admin-ui/ui/dist');
const websocket = kind(4, 'websocket');

const site = (hash, more = '') => `
handle_path /admin-ui/* {
	root "${dist}"
	file_server
}
socketio {
	admin_ui {
		username ada
		password "${hash}"
		${more}
	}
	namespace / {
		on connect {
			set name "{socket.auth.name}"
		}
		on say {
			join lobby
			all emit said "{event.args.0}"
			ack ok
		}
	}
	namespace /chat
}
`;

// openUI opens the web app. Fonts and icons that it loads from other sites are left out.
async function openUI(t, browser, caddy, path = '') {
	const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
	t.after(() => context.close());
	const page = await context.newPage();
	page.setDefaultTimeout(15_000);
	await page.route((url) => url.origin !== caddy.url, (route) => route.abort());
	await page.goto(`${caddy.url}/admin-ui/${path}`);
	return page;
}

// logIn fills in the login dialog.
async function logIn(page, caddy, password) {
	await page.getByLabel('Server URL').fill(caddy.url);
	await page.getByLabel('Username').fill('ada');
	await page.getByLabel('Password').fill(password);
	await page.getByRole('button', { name: 'Connect' }).click();
}

// openPage opens a page by the menu.
async function openPage(page, name) {
	await page.locator('nav.v-navigation-drawer').getByText(name, { exact: true }).click();
	await page.waitForFunction((text) => {
		const titles = [...document.querySelectorAll('.v-breadcrumbs')]; // of the former page, too, for a while
		return titles.length === 1 && titles[0].textContent.trim() === text;
	}, name);
}

const row = (page, text) => page.locator('tbody tr', { hasText: text });

describe('the Admin UI', { skip }, () => {
	let caddy, browser, hash;
	before(async () => {
		hash = (await run(['hash-password', '--bcrypt-cost', '4', '--plaintext', 'secret'])).stdout.trim();
		caddy = await Caddy.start(site(hash));
		browser = await launchBrowser();
	});
	// awaitRooms waits until a socket is in just these rooms. A click on a button in a row
	// opens the details of the row, too: the web app does not show its effect.
	const awaitRooms = (id, rooms) => awaitCondition(async () => {
		const { body } = await caddy.get('/socketio/sockets?namespace=/');
		return isDeepStrictEqual(body.find((s) => s.id === id)?.rooms.sort(), rooms.sort());
	}, `the rooms ${rooms}`);
	after(async () => {
		await browser?.close();
		await caddy?.stop();
	});

	test('refuses a wrong password, and remembers a right one', async (t) => {
		const page = await openUI(t, browser, caddy);
		await logIn(page, caddy, 'guess');
		await page.getByText('Invalid credentials').waitFor();
		const failure = caddy.log.find((line) => line.includes('admin_ui: login failed'));
		assert.match(failure, /"address": ?"127\.0\.0\.1"/);
		assert.ok(!caddy.log.some((line) => line.includes('guess')));
		await logIn(page, caddy, 'secret');
		await page.getByText('Connection and disconnection events').waitFor();
		await page.reload();
		await page.getByText('Connection and disconnection events').waitFor();
		await page.locator('.v-navigation-drawer').getByText('Sockets').waitFor();
		assert.equal(await page.getByLabel('Password').isVisible(), false);
	});

	test('shows sockets, rooms, clients, events and servers, and has working buttons', { timeout: 120_000 }, async (t) => {
		await connectSocket(t, websocket, caddy.url); // so that the web app begins with the namespace /
		const page = await openUI(t, browser, caddy);
		await logIn(page, caddy, 'secret');
		await page.getByText('Connection and disconnection events').waitFor();
		const socket = await connectSocket(t, kind(4, 'upgrade'), caddy.url, { auth: { name: 'Grace' } });
		const { id } = socket;

		await openPage(page, 'Servers');
		await row(page, `${hostname()}#`).getByText('Healthy', { exact: true }).waitFor();

		await openPage(page, 'Sockets');
		await row(page, id).getByText('WebSocket').waitFor();
		await row(page, id).click();
		await page.getByText('Initial HTTP request').waitFor();
		await page.getByText('"name": "Grace"').waitFor();

		// join and leave, of one socket
		await page.getByLabel('Join a room').fill('attic');
		await page.locator('.v-main form button[type=submit]').click();
		await row(page, 'attic').getByRole('button').click();
		await awaitRooms(id, [id]);

		const said = awaitEvent(socket, 'said');
		socket.emit('say', 'hello');
		await said;
		await openPage(page, 'Events');
		for (const type of ['Connection', 'Room joined', 'Room left', 'Event received', 'Event sent']) await row(page, type).first().waitFor();
		await row(page, 'Event received').filter({ hasText: 'say' }).first().locator('button').click();
		await page.locator('pre').getByText('"hello"').waitFor();

		// names are text
		const names = ['<img src=x onerror="window.ran=true">', '\u001b[2Jcleared', '\u202eleft'];
		await caddy.post('/socketio/join', { rooms: names, in: [id] });
		await openPage(page, 'Rooms');
		await row(page, names[0]).waitFor();
		await row(page, 'cleared').waitFor();
		assert.equal(await page.evaluate(() => window.ran), undefined);
		await caddy.post('/socketio/leave', { rooms: names, in: [id] });

		// the buttons of a room
		await openPage(page, 'Rooms');
		await row(page, 'lobby').click();
		await row(page, id).getByRole('button').first().click(); // leaves
		await awaitRooms(id, [id]);
		socket.emit('say', 'again');
		await awaitRooms(id, [id, 'lobby']);
		await openPage(page, 'Rooms');
		await row(page, 'lobby').getByRole('button').first().click(); // all leave
		await awaitRooms(id, [id]);
		socket.emit('say', 'once more');
		await openPage(page, 'Rooms');
		await row(page, 'lobby').waitFor();
		const closed = awaitEvent(socket, 'disconnect');
		await row(page, 'lobby').getByRole('button').last().click(); // all are disconnected
		assert.equal((await closed)[0], 'io server disconnect');

		// a client
		const other = await connectSocket(t, websocket, caddy.url);
		await openPage(page, 'Clients');
		const client = row(page, other.io.engine.id.slice(0, 12));
		await client.getByText('WebSocket').waitFor();
		await client.click();
		await page.getByText('Client details').waitFor();
		await openPage(page, 'Clients');
		await client.waitFor();
		const otherClosed = awaitEvent(other, 'disconnect');
		await client.getByRole('button').click();
		await otherClosed;

		// a socket
		const last = await connectSocket(t, websocket, caddy.url);
		const lastID = last.id; // the client drops it
		await openPage(page, 'Sockets');
		await row(page, lastID).waitFor();
		const lastClosed = awaitEvent(last, 'disconnect');
		await row(page, lastID).getByRole('button').click();
		assert.equal((await lastClosed)[0], 'io server disconnect');
		await openPage(page, 'Sockets');
		await row(page, lastID).waitFor({ state: 'detached' });
	});

	test('answers forged events with errors', async (t) => {
		const admin = await connectSocket(t, websocket, `${caddy.url}/admin`, { auth: { username: 'ada', password: 'secret' } });
		const ask = (...args) => new Promise((done) => admin.emit(...args, done));
		assert.deepEqual(await ask('join', '/nowhere', 'r'), { error: 'join: unknown namespace' });
		assert.deepEqual(await ask('join', '/', { room: 'r' }), { error: 'join: expected NAMESPACE, ROOM and optionally a room or socket id' });
		assert.deepEqual(await ask('_disconnect', '/', 'all'), { error: '_disconnect: expected NAMESPACE, true or false, and optionally a room or socket id' });
		assert.deepEqual(await ask('emit', '/', null, 'disconnect'), { error: 'reserved event name: "disconnect"' });
		assert.deepEqual(await ask('session', 'x'), { error: 'unknown event: expected join, leave, _disconnect or emit' });
		const socket = await connectSocket(t, websocket, caddy.url);
		const news = awaitEvent(socket, 'news');
		admin.emit('emit', '/', socket.id, 'news', 1, 'two');
		assert.deepEqual(await news, [1, 'two']);
	});

	test('in readonly and production, shows numbers and refuses actions', async (t) => {
		await caddy.reload(site(hash, 'readonly\nmode production'));
		const page = await openUI(t, browser, caddy);
		await logIn(page, caddy, 'secret');
		await openPage(page, 'Servers');
		await row(page, `${hostname()}#`).getByText('Healthy', { exact: true }).waitFor();
		assert.equal(await page.locator('.v-navigation-drawer').getByText('Events').count(), 0);
		const admin = await connectSocket(t, websocket, `${caddy.url}/admin`, { auth: { username: 'ada', password: 'secret' } });
		const reply = await new Promise((done) => admin.emit('_disconnect', '/', true, done));
		assert.deepEqual(reply, { error: '_disconnect: admin_ui is readonly' });
	});
});

const pictures = process.env.ADMIN_UI_PICTURES;

// The pictures of docs/operations/admin-ui.md: ADMIN_UI_PICTURES=docs/images node --test admin-ui.test.js
test('pictures of the Admin UI for the documentation', { skip: skip || !pictures }, async (t) => {
	const { stdout } = await run(['hash-password', '--bcrypt-cost', '4', '--plaintext', 'secret']);
	const caddy = await Caddy.start(site(stdout.trim()));
	t.after(() => caddy.stop());
	const browser = await launchBrowser();
	t.after(() => browser.close());
	await connectSocket(t, websocket, caddy.url);
	const page = await openUI(t, browser, caddy);
	await page.setViewportSize({ width: 1400, height: 760 });
	await logIn(page, caddy, 'secret');
	for (const name of ['Ada', 'Grace', 'Linus']) {
		const socket = await connectSocket(t, kind(4, 'upgrade'), caddy.url, { auth: { name } });
		await new Promise((done) => socket.emit('say', `Hello from ${name}`, done));
	}
	await mkdir(resolve(root, pictures), { recursive: true });
	const draw = (name) => page.screenshot({ path: resolve(root, pictures, `${name}.png`) });
	await openPage(page, 'Events');
	await row(page, 'Event received').nth(2).waitFor();
	await draw('admin-ui');
	await openPage(page, 'Dashboard');
	await page.getByText('Connection and disconnection events').waitFor();
	await page.locator('canvas').last().waitFor();
	await draw('admin-ui-dashboard');
});
