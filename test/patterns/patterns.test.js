// Seven well-known applications of Socket.IO. Each stands here as a Node.js server and as
// a Caddyfile, with a backend where it needs code. One client script runs against both:
// every event, its order, its arguments and every acknowledgement must be the same.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { test } from '../e2e/lib/rules.js';
import { countLines, languageOf } from './lib/lines.js';
import { startCaddy, startNodeServer } from './lib/servers.js';
import { Mailbox, Visitor } from './lib/visitor.js';

const root = fileURLToPath(new URL('.', import.meta.url));
const patterns = ['whiteboard', 'chat', 'private-messaging', 'echo', 'lobby', 'editor', 'tokens'];
const servers = { 'Node.js': startNodeServer, Caddy: startCaddy };
const longest = 1.5; // times the lines of Node.js that rules and backend may have

for (const name of patterns) {
	describe(name, () => {
		const dir = join(root, name);
		for (const [server, start] of Object.entries(servers)) {
			test(`on ${server}`, async (t) => {
				const { default: run } = await import(join(dir, 'client.mjs'));
				const { url } = await start(t, dir);
				const mailboxes = [];
				const keep = (mailbox) => mailboxes.push(mailbox) && mailbox;
				await run({
					url,
					after: (end) => t.after(end),
					visit: async (...args) => keep(await Visitor.connect(t, url, ...args)),
					openMailbox: (who) => keep(new Mailbox(who)),
				});
				for (const mailbox of mailboxes) await mailbox.settle?.();
				for (const mailbox of mailboxes) mailbox.checkEmpty();
			});
		}
	});
}

// countFiles returns the lines of code of the files of a pattern that pass the filter.
async function countFiles(name, filter) {
	const files = (await readdir(join(root, name))).filter(filter);
	const counts = await Promise.all(files.map(async (file) => countLines(await readFile(join(root, name, file), 'utf8'), languageOf(file))));
	return counts.reduce((sum, count) => sum + count, 0);
}

describe('lines of code', () => {
	const rows = {};
	after(() => console.table(rows));
	for (const name of patterns) {
		test(name, async () => {
			const node = await countFiles(name, (file) => file === 'node.mjs');
			const rules = await countFiles(name, (file) => file === 'Caddyfile');
			const backend = await countFiles(name, (file) => file.startsWith('backend.'));
			const times = (rules + backend) / node;
			rows[name] = { 'Node.js': node, rules, backend, together: rules + backend, times: times.toFixed(2) };
			assert.ok(times <= longest, `${rules + backend} lines are ${times.toFixed(2)} times ${node}, the limit is ${longest}`);
		});
	}
});
