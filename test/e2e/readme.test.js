// The README's one-liners, each run as it stands there.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, Inbox, kind } from './lib/clients.js';
import { serving, socketio, test } from './lib/rules.js';

const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
const [, chapter] = readme.match(/No emitter library is needed:(.*?)\n\*\*/s);
const snippets = Object.fromEntries([...chapter.matchAll(/```(\w+)\n(.*?)```/gs)].map(([, language, code]) => [language, code]));

const program = (code) => `package main\n\nimport (\n\t"net/http"\n\t"strings"\n)\n\nfunc main() {\n${code}}\n`;

// runners are the commands that run a file, by language.
const runners = {
	sh: { command: ['sh'] },
	php: { command: ['php'], wrap: (code) => `<?php\n${code}` },
	python: { command: ['python3'] },
	ruby: { command: ['ruby'] },
	js: { command: ['node'], name: 'emit.mjs' },
	go: { command: ['go', 'run'], name: 'emit.go', wrap: program },
};

const there = ([name]) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;

serving('README', socketio('namespace / {\n\tjoin lobby\n}'), (caddy) => {
	test('has a one-liner in each language', () => assert.deepEqual(Object.keys(snippets).sort(), Object.keys(runners).sort()));

	for (const [language, { command, name = 'emit', wrap = (code) => code }] of Object.entries(runners)) {
		const skip = !there(command) && `${command[0]} is not installed`;
		test(`one line of ${language}`, { skip }, async (t) => {
			const dir = await mkdtemp(join(tmpdir(), 'caddy-e2e-readme-'));
			t.after(() => rm(dir, { recursive: true, force: true }));
			const file = join(dir, name);
			await writeFile(file, wrap(snippets[language].replaceAll('localhost:2019', caddy().admin)));
			const socket = await connect(t, kind(4, 'websocket'), caddy().url);
			const got = new Inbox(socket, 'news');
			const { status, stderr } = spawnSync(command[0], [...command.slice(1), file], { cwd: dir, encoding: 'utf8' });
			assert.equal(status, 0, stderr);
			assert.deepEqual(await got.has(1), [['hello']]);
		});
	}
});
