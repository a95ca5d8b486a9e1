// The example as a visitor sees it: a tab of Chromium for each client.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchBrowser, skip } from './lib/browser.js';
import { Caddy } from './lib/caddy.js';
import { test } from './lib/rules.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

// The example's own site block, from the file, on our port.
async function site() {
	const text = await readFile(resolve(root, 'examples/Caddyfile'), 'utf8');
	const inside = text.match(/^:8080 \{\n([^]*)^\}/m)[1];
	return inside.replace('root examples/chat', `root "${resolve(root, 'examples/chat')}"`)
		.replace('{file.examples/Caddyfile}', `{file.${resolve(root, 'examples/Caddyfile')}}`);
}

async function browse(t) {
	const browser = await launchBrowser();
	t.after(() => browser.close());
	return browser;
}

// visit opens the page with that client, as a person of that name.
async function visit(browser, url, client, name, problems, look = {}) {
	const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1000, height: 640 }, ...look });
	await context.addInitScript((value) => sessionStorage.setItem('name', value), name);
	const page = await context.newPage();
	page.setDefaultTimeout(15_000);
	page.on('pageerror', (error) => problems.push(`client ${client}: ${error.message}`));
	page.on('console', (message) => message.type() === 'error' && problems.push(`client ${client}: ${message.text()}`));
	await page.goto(`${url}/?client=${client}`);
	await page.getByText('connected over websocket').waitFor();
	return page;
}

const line = (page, text) => page.locator('#log li', { hasText: text });

async function say(page, text) {
	await page.locator('#text').fill(text);
	await page.locator('#text').press('Enter');
}

test('three tabs with three clients talk', { skip }, async (t) => {
	const caddy = await Caddy.start(await site());
	t.after(() => caddy.stop());
	const browser = await browse(t);
	const problems = [];
	const ada = await visit(browser, caddy.url, 4, 'Ada', problems);
	const grace = await visit(browser, caddy.url, 3, 'Grace', problems);
	const linus = await visit(browser, caddy.url, 2, '<b>Linus</b>', problems);
	const pages = [ada, grace, linus];
	const people = (page) => page.locator('#people');

	await t.test('each sees the others', async () => {
		for (const page of [ada, grace]) await people(page).getByRole('button', { name: '<b>Linus</b>' }).waitFor();
		for (const page of [ada, linus]) await people(page).getByRole('button', { name: 'Grace' }).waitFor();
		for (const page of [grace, linus]) await people(page).getByRole('button', { name: 'Ada' }).waitFor();
	});

	await t.test('what one says all read, as text', async () => {
		await say(ada, 'Hello from Socket.IO 4');
		await say(grace, 'Hello from 3, ☕');
		await say(linus, 'And from 2, <img src=x onerror=alert(1)>');
		for (const page of pages) {
			for (const text of ['Hello from Socket.IO 4', 'Hello from 3, ☕', '<img src=x onerror=alert(1)>']) {
				await line(page, text).waitFor();
				assert.equal(await line(page, text).count(), 1);
			}
			assert.equal(await page.locator('#log img, #log b b').count(), 0);
		}
	});

	await t.test('a newcomer reads what was said before, once', async () => {
		for (const client of [2, 4]) {
			const late = await visit(browser, caddy.url, client, 'Late', problems);
			for (const text of ['Hello from Socket.IO 4', 'Hello from 3, ☕', '<img src=x onerror=alert(1)>']) {
				await line(late, text).waitFor();
				assert.equal(await line(late, text).count(), 1);
			}
			await late.context().close();
		}
	});

	await t.test('who types is shown', async () => {
		await grace.locator('#text').pressSequentially('mm');
		await ada.getByText('Grace is typing…').waitFor();
		await grace.locator('#text').fill('');
	});

	await t.test('the terminal speaks to a room', async () => {
		const curl = await ada.locator('#curl').inputValue();
		const [, path, body] = curl.match(/^curl -X POST http:\/\/localhost:2019(\S+) .* -d '(.*)'$/);
		const { status, body: answer } = await caddy.post(path, JSON.parse(body));
		assert.equal(status, 200, JSON.stringify(answer));
		assert.deepEqual(answer, { delivered: 3 });
		for (const page of pages) await line(page, 'Hello from a terminal').waitFor();
	});

	await t.test('how an event happened is shown', async () => {
		for (const page of pages) {
			await page.getByRole('button', { name: 'How?' }).click();
			await say(page, 'how does it work?');
			await page.locator('#lines').getByText('on say {').waitFor();
			const packets = page.locator('#packets code');
			await packets.nth(1).waitFor();
			const [sent, reply] = await packets.allTextContents();
			assert.match(sent, /^42\/chat,\d+\["say","lobby","how does it work\?"\]$/);
			assert.match(reply, /^43\/chat,\d+\["ok"\]$/);
			assert.equal(sent.match(/\d+\[/)[0], reply.match(/\d+\[/)[0]);
			const title = await page.locator('#rule-title').textContent();
			const [first, last] = title.match(/\d+/g);
			const lines = (await readFile(resolve(root, 'examples/Caddyfile'), 'utf8')).split('\n').slice(first - 1, last);
			assert.deepEqual((await page.locator('#lines').textContent()).trim().split('\n').map((l) => l.trim()), lines.map((l) => l.trim()));
		}
		await ada.locator('#events').getByRole('button', { name: 'said' }).click();
		await ada.locator('#lines').getByText('on say {').waitFor();
		assert.match(await ada.locator('#packets code').last().textContent(), /^42\/chat,\["said","lobby",/);
		await ada.locator('#events').getByRole('button', { name: 'notice' }).click();
		await ada.locator('#lines').getByText('the admin API').waitFor();
		await ada.keyboard.press('Escape');
		assert.equal(await ada.locator('#how').isVisible(), false);
		assert.equal(await ada.evaluate(() => document.activeElement.id), 'show');
		for (const page of [grace, linus]) await page.locator('#hide').click();
	});

	await t.test('a private message reaches one', async () => {
		await people(linus).getByRole('button', { name: 'Ada' }).click();
		await say(linus, 'between us');
		await ada.locator('#rooms').getByRole('button', { name: '@<b>Linus</b>' }).click();
		await line(ada, 'between us').waitFor();
		await say(ada, 'I keep it');
		await line(linus, 'I keep it').waitFor();
		assert.equal(await grace.locator('#rooms button').count(), 1);
	});

	await t.test('rooms are joined and left', async () => {
		for (const page of [ada, grace]) {
			await page.locator('#room').fill("ada's room");
			await page.locator('#room').press('Enter');
			await page.getByRole('heading', { name: "#ada's room" }).waitFor();
		}
		await people(ada).getByRole('button', { name: 'Grace' }).waitFor();
		await say(grace, 'only for us');
		await line(ada, 'only for us').waitFor();
		await grace.locator('#leave').click();
		await people(ada).getByRole('button', { name: 'Grace' }).waitFor({ state: 'detached' });
		await linus.locator('#rooms').getByRole('button', { name: '#lobby' }).click();
		assert.equal(await line(linus, 'only for us').count(), 0);
		await ada.locator('#leave').click();
		await ada.locator('#rooms').getByRole('button', { name: '#lobby' }).click();
	});

	await t.test('a new name is kept and told', async () => {
		await grace.locator('#name').fill('Grace Hopper');
		await grace.locator('#name').press('Enter');
		await people(ada).getByRole('button', { name: 'Grace Hopper' }).waitFor();
		assert.equal(await grace.evaluate(() => localStorage.getItem('name')), 'Grace Hopper');
	});

	await t.test('who signs out is gone, and comes back', async () => {
		await linus.getByRole('button', { name: 'Sign out' }).click();
		await linus.getByText('signed out').waitFor();
		await people(ada).getByRole('button', { name: 'Linus' }).waitFor({ state: 'detached' });
		await linus.getByRole('button', { name: 'Come back' }).click();
		await people(ada).getByRole('button', { name: 'Linus' }).waitFor();
		await people(linus).getByRole('button', { name: 'Ada' }).waitFor();
		for (const text of ['Hello from Socket.IO 4', '<img src=x onerror=alert(1)>']) assert.equal(await line(linus, text).count(), 1);
	});

	await t.test('another one of the same name is another one', async () => {
		const first = await visit(browser, caddy.url, 4, 'Twin', problems);
		await people(ada).getByRole('button', { name: 'Twin' }).waitFor();
		const second = await visit(browser, caddy.url, 3, 'Twin', problems);
		await people(ada).getByRole('button', { name: 'Twin' }).nth(1).waitFor();
		await first.close();
		await people(ada).getByRole('button', { name: 'Twin' }).nth(1).waitFor({ state: 'detached' });
		await people(ada).getByRole('button', { name: 'Twin' }).click();
		await say(ada, 'to the second');
		await second.locator('#rooms').getByRole('button', { name: '@Ada' }).waitFor();
		await ada.locator('#leave').click();
		await second.close();
	});

	await t.test('closing a tab is seen', async () => {
		await grace.close();
		await people(ada).getByRole('button', { name: 'Grace' }).waitFor({ state: 'detached' });
	});

	await t.test('a restart is survived', async () => {
		await caddy.stop();
		await ada.getByText('reconnecting…').waitFor();
		await line(ada, 'The connection is lost').waitFor();
		await say(ada, 'said meanwhile');
		const next = await Caddy.start(await site(), { ports: caddy.ports });
		t.after(() => next.stop());
		for (const page of [ada, linus]) await page.getByText('connected over').waitFor();
		await people(ada).getByRole('button', { name: 'Linus' }).waitFor();
		for (const page of [ada, linus]) await line(page, 'Connected again').waitFor();
		await say(ada, 'here again');
		await line(linus, 'here again').waitFor();
		await ada.locator('#log li:not(.pending)', { hasText: 'said meanwhile' }).waitFor();
		const { body } = await next.get('/socketio/sockets?namespace=/chat');
		assert.deepEqual(body.map(({ data }) => data).sort((a, b) => a.client - b.client),
			[{ name: '<b>Linus</b>', client: '2.5' }, { name: 'Ada', client: '4.8' }]);
	});

	await t.test('who is talked to alone is missed', async () => {
		await people(ada).getByRole('button', { name: 'Linus' }).click();
		await say(ada, 'a last word');
		await linus.close();
		await line(ada, 'is gone').waitFor();
		assert.equal(await ada.locator('#text').isDisabled(), true);
	});

	const unexpected = problems.filter((p) => !/net::|WebSocket connection|Failed to load resource/.test(p));
	assert.deepEqual(unexpected, []);
});

test('on a phone the messages have the window', { skip }, async (t) => {
	const caddy = await Caddy.start(await site());
	t.after(() => caddy.stop());
	const browser = await browse(t);
	const problems = [];
	const size = { width: 360, height: 720 };
	const phone = { viewport: size, hasTouch: true, isMobile: true };
	const ada = await visit(browser, caddy.url, 4, 'Ada', problems, phone);
	const linus = await visit(browser, caddy.url, 2, 'Linus', problems, { ...phone, colorScheme: 'dark' });
	const pages = [ada, linus];
	const box = (page, id) => page.locator(id).boundingBox();
	const inside = ({ x, y, width, height }) => x >= 0 && y >= 0 && x + width <= size.width && y + height <= size.height;

	await t.test('sixty percent of it', async () => {
		for (let i = 0; i < 30; i++) await say(ada, `line ${i} of many`);
		await line(linus, 'line 29 of many').waitFor();
		for (const page of pages) {
			const log = await box(page, '#log');
			assert.ok(log.height >= 0.6 * size.height, `${log.height} pixels`);
			for (const id of ['#log', '#text', '#send', '#menu', '#status', '#show', '#leave']) assert.ok(inside(await box(page, id)), id);
			const last = await line(page, 'line 29 of many').boundingBox();
			assert.ok(last.y >= log.y && last.y + last.height <= log.y + log.height + 1, `the newest line, at ${last.y}, is not in view`);
			assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), size.width);
		}
	});

	await t.test('rooms and people are behind a button', async () => {
		assert.equal(await ada.locator('#places').isVisible(), false);
		await ada.getByRole('button', { name: 'Rooms' }).tap();
		for (const id of ['#people', '#name', '#switch', '#curl']) assert.ok(inside(await box(ada, id)), id);
		assert.equal(await ada.locator('#talk').isVisible(), false);
		await ada.locator('#people').getByRole('button', { name: 'Linus' }).tap();
		await ada.getByRole('heading', { name: '@Linus' }).waitFor();
		assert.equal(await ada.locator('#places').isVisible(), false);
		await say(ada, 'from my phone');
		await linus.locator('#unread').getByText('1').waitFor();
		await linus.getByRole('button', { name: 'Rooms 1' }).tap();
		await linus.keyboard.press('Escape');
		assert.equal(await linus.locator('#talk').isVisible(), true);
	});

	await t.test('the drawer leaves room to write', async () => {
		await ada.getByRole('button', { name: 'How?' }).tap();
		for (const id of ['#log', '#text', '#lines', '#packets', '#hide']) assert.ok(inside(await box(ada, id)), id);
		assert.ok((await box(ada, '#log')).height >= 0.2 * size.height);
		await ada.getByRole('button', { name: 'Close' }).last().tap();
		assert.equal(await ada.locator('#how').isVisible(), false);
	});
	assert.deepEqual(problems, []);
});

test('over TLS and HTTP/2 they talk too', { skip }, async (t) => {
	const caddy = await Caddy.start(`tls internal\n${await site()}`, { scheme: 'https' });
	t.after(() => caddy.stop());
	const browser = await browse(t);
	const problems = [];
	const ada = await visit(browser, caddy.url, 4, 'Ada', problems);
	const linus = await visit(browser, caddy.url, 2, 'Linus', problems);
	await ada.locator('#people').getByRole('button', { name: 'Linus' }).waitFor();
	const protocols = await ada.evaluate(() => performance.getEntriesByType('resource')
		.filter(({ name }) => name.includes('transport=polling')).map(({ nextHopProtocol }) => nextHopProtocol));
	assert.ok(protocols.includes('h2'), protocols.join());
	await say(linus, 'over TLS');
	await line(ada, 'over TLS').waitFor();
	assert.deepEqual(problems, []);
});

const picture = process.env.DEMO_SCREENSHOT;

test('a picture for the documentation', { skip: skip || !picture }, async (t) => {
	const caddy = await Caddy.start(await site());
	t.after(() => caddy.stop());
	const browser = await browse(t);
	const ada = await visit(browser, caddy.url, 4, 'Ada', [], { viewport: { width: 1240, height: 680 }, deviceScaleFactor: 1.25 });
	const grace = await visit(browser, caddy.url, 3, 'Grace', []);
	const linus = await visit(browser, caddy.url, 2, 'Linus', []);
	await ada.locator('#people').getByRole('button', { name: 'Linus' }).waitFor();
	await ada.getByRole('button', { name: 'How?' }).click();
	for (const [page, text] of [
		[linus, 'Good morning from a 2.5 client'],
		[grace, 'And from 3.1: the same room, no Node.js anywhere'],
		[ada, '4.8 here. I see you both'],
	]) {
		await say(page, text);
		await line(ada, text).waitFor();
	}
	await caddy.emit({ namespace: '/chat', to: ['room:lobby'], event: 'notice', args: ['lobby', 'The build is green'] });
	await line(ada, 'The build is green').waitFor();
	await linus.locator('#people').getByRole('button', { name: 'Ada' }).click();
	await say(linus, 'Lunch?');
	await ada.locator('#rooms').getByRole('button', { name: '@Linus' }).waitFor();
	await grace.locator('#text').pressSequentially('Lu');
	await ada.getByText('Grace is typing…').waitFor();
	await ada.locator('#events').getByRole('button', { name: 'say' }).click();
	await mkdir(dirname(resolve(root, picture)), { recursive: true });
	await ada.screenshot({ path: resolve(root, picture) });
});
