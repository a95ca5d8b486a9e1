// The recipes of docs/recipes, as they stand there: the Node.js server and the Caddyfile of
// each page serve the lines of its client, which log the same on both. In Caddy they run
// in a browser, too.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, describe } from 'node:test';
import { SignJWT } from 'jose';
import { launchBrowser, skip as noBrowser } from '../e2e/lib/browser.js';
import { test } from '../e2e/lib/rules.js';
import { readRecipe, writeRecipe } from './lib/recipe.js';
import { startCaddy, startNodeServer } from './lib/servers.js';
import { openPage, openTab } from './lib/tabs.js';

const secret = 's'.repeat(32);
process.env.JWT_SECRET = secret;
const tokenOf = (user) => new SignJWT({ sub: user }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));

// checks are the programs of the tabs, by recipe. open opens a tab with the lines of the
// client, run runs a line in one, and expect expects the next line of its log.
const checks = {
	async 'user-count'({ open }) {
		const ada = await open('ada');
		await ada.expect('1 online');
		const alan = await open('alan');
		for (const tab of [ada, alan]) await tab.expect('2 online');
		await alan.close();
		await ada.expect('1 online');
	},

	async 'one-room-at-a-time'({ open }) {
		const [ada, alan] = [await open('ada'), await open('alan')];
		const enter = async (tab, room, size) => {
			await tab.run(`enter(${JSON.stringify(room)})`);
			await tab.expect(`entered ${room} ${size}`);
		};
		await enter(ada, 'kitchen', 1);
		await enter(alan, 'kitchen', 2);
		await ada.run('say("hello")');
		for (const tab of [ada, alan]) await tab.expect('kitchen hello');
		await enter(ada, 'garden', 1);
		await enter(ada, 'garden', 1);
		await alan.run('say("alone")');
		await alan.expect('kitchen alone');
		await ada.run('say("me too")');
		await ada.expect('garden me too');
		await enter(alan, 'garden', 2);
	},

	async notifications({ open, notify }) {
		const tabs = [await open('ada', { token: await tokenOf('7') }), await open('ada again', { token: await tokenOf('7') })];
		const other = await open('alan', { token: await tokenOf('8') });
		for (const tab of [...tabs, other]) await tab.expect('connected');
		await notify('7', 'Your order is on its way');
		for (const tab of tabs) await tab.expect('Your order is on its way');
		await notify('8', 'Hello');
		await other.expect('Hello');
	},

	async 'log-out-everywhere'({ open }) {
		const tabs = [await open('ada', { token: await tokenOf('7') }), await open('ada again', { token: await tokenOf('7') })];
		const other = await open('alan', { token: await tokenOf('8') });
		for (const tab of [...tabs, other]) await tab.expect('connected');
		await tabs[0].run('logOut()');
		for (const tab of tabs) await tab.expect('io server disconnect');
		await other.run('logOut()');
		await other.expect('io server disconnect');
	},

	async 'scheduled-emits'({ open }) {
		const tabs = [await open('ada'), await open('alan')];
		for (const tab of tabs) await tab.expect('true');
		await Promise.all(tabs.map((tab) => tab.close()));
		for (const tab of tabs) tab.drain();
	},

	async 'game-lobby'({ open }) {
		const [ada, alan] = [await open('ada'), await open('alan')];
		await ada.run('create("Ada", 2)');
		await ada.expect('host Ada false');
		await ada.expect('created');
		const code = await ada.value('state.code');
		await alan.run('join("nowhere", "Alan")');
		await alan.expect('no such lobby');
		await alan.run(`join("${code}", "Alan")`);
		for (const tab of [ada, alan]) await tab.expect('host Ada, Alan false');
		await alan.expect('joined');
		await ada.run('kick("Alan")');
		await alan.expect('kicked');
		await ada.expect('host Ada false');
		await ada.run('ready()');
		await ada.expect('host Ada ready false');
		await ada.run('start()');
		await ada.expect('host Ada ready true');
		await ada.expect('go');
	},

	async 'collaborative-editor'({ open }) {
		const [ada, alan] = [await open('ada'), await open('alan')];
		// The acknowledgements of a push and of the pull beside it have no order.
		const push = async (sender, other, line, code) => {
			await sender.run(code);
			assert.deepEqual([await sender.next(), await sender.next()].sort(), ['accepted', line].sort());
			await other.expect(line);
		};
		await push(ada, alan, 'ada [[0,"Hello"],14]', 'push("ada", [[0, "Hello"], 14])');
		await push(alan, ada, 'alan [19,[0,"!"]]', 'push("alan", [19, [0, "!"]])');
	},

	async 'llm-tokens'({ open }) {
		const ada = await open('ada');
		await ada.run('ask("one two three")');
		for (const line of ['one', 'two', 'three', 'done']) await ada.expect(line);
		await ada.run(`ask("again ".repeat(100000))`);
		await ada.expect('again');
		await ada.run('stop()');
		let line;
		do line = await ada.next(); while (line === 'again');
		assert.equal(line, 'canceled');
	},
};

// notifiers send a notification from outside, as the application of the page does.
const notifiers = {
	node: (url) => async (user, text) => {
		const { ok } = await fetch(url, { method: 'POST', body: JSON.stringify({ user, text }) });
		assert.ok(ok);
	},
	caddy: (admin, dir) => async (user, text) => {
		const program = await readFile(`${dir}/backend.php`, 'utf8');
		execFileSync('php', ['--', user, text], { input: program.replaceAll('localhost:2019', admin) });
	},
};

let browser;
let context; // all pages of the browser
if (!noBrowser) {
	before(async () => {
		browser = await launchBrowser();
		context = await browser.newContext();
	});
	after(() => browser?.close());
}

for (const [name, check] of Object.entries(checks)) {
	describe(name, () => {
		const run = async (openTab, url, notify) => {
			const tabs = [];
			await check({
				notify,
				open: async (who, globals) => {
					const tab = await openTab(who, url, (await readRecipe(name)).client, globals);
					tabs.push(tab);
					const { mailbox } = tab;
					return {
						...tab,
						expect: (line) => mailbox.expect(line),
						next: async () => (await mailbox.next())[0],
						value: async (expression) => {
							await tab.run(`console.log(${expression})`);
							return (await mailbox.next())[0];
						},
						drain: () => mailbox.drain(),
					};
				},
			});
			for (const { mailbox } of tabs) mailbox.checkEmpty();
			await Promise.all(tabs.map((tab) => tab.close()));
		};

		test('the page counts its lines', async () => {
			const { lines, counted } = await readRecipe(name);
			assert.deepEqual(lines, counted);
		});

		test('on Node.js', async (t) => {
			const { url } = await startNodeServer(t, await writeRecipe(t, (await readRecipe(name)).files));
			await run(openTab, url, notifiers.node(url));
		});

		const runOnCaddy = async (t, openTab) => {
			const dir = await writeRecipe(t, (await readRecipe(name)).files);
			const caddy = await startCaddy(t, dir, { hasServer: name !== 'notifications' });
			await run(openTab, caddy.url, notifiers.caddy(caddy.admin, dir));
		};
		test('on Caddy', (t) => runOnCaddy(t, openTab));
		test('on Caddy, in a browser', { skip: noBrowser }, (t) => runOnCaddy(t, openPage(context)));
	});
}

test('every recipe is checked', async () => {
	const pages = await readdir(new URL('../../docs/recipes/', import.meta.url));
	assert.deepEqual(pages.filter((page) => page !== 'README.md').map((page) => page.replace('.md', '')).sort(), Object.keys(checks).sort());
});
