// The programs of the documentation, each run as it stands there: one line in each
// language that emits (docs/admin-api.md), and the applications of docs/quickstart.md.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './lib/caddy.js';
import { connectSocket, emitWithAck, Inbox, kind } from './lib/clients.js';
import { describeWithCaddy, socketio, test } from './lib/rules.js';
import { withDeadline } from './lib/time.js';

const readPage = (name) => readFile(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const findSnippets = (text) => [...text.matchAll(/```(\w+)\n(.*?)```/gs)].map(([, language, code]) => ({ language, code }));

const wrapGo = (code) => (code.startsWith('package') ? code : `package main\n\nimport (\n\t"net/http"\n\t"strings"\n)\n\nfunc main() {\n${code}}\n`);
const wrapJava = (code) => (code.startsWith('import') ? code : `import java.net.URI;
import java.net.http.*;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

class Emit {
	public static void main(String[] args) throws Exception {
		${code}	}
}
`);

// runners are the commands that run a file, by language. check tells whether the command
// is installed.
const runners = {
	sh: { command: ['sh'], check: ['-c', ':'] },
	php: { command: ['php'], wrap: (code) => (code.startsWith('<?php') ? code : `<?php\n${code}`), serve: (port) => ['-S', `127.0.0.1:${port}`] },
	python: { command: ['python3'] },
	ruby: { command: ['ruby'], check: ['-e', 'require "webrick"'] },
	js: { command: ['node'], name: 'program.mjs' },
	go: { command: ['go', 'run'], check: ['version'], name: 'program.go', wrap: wrapGo, build: ['go', 'build', '-o', 'program', 'program.go'], built: './program' },
	java: { command: ['java'], name: 'Program.java', wrap: wrapJava },
};

function skipped(language) {
	const { command: [name], check = ['--version'] } = runners[language];
	return spawnSync(name, check).status !== 0 && `${name} is not installed, or lacks a library`;
}

// writeProgram writes a snippet to a file in a directory of its own.
async function writeProgram(t, language, code) {
	const { name = 'program', wrap = (text) => text } = runners[language];
	const dir = await mkdtemp(join(tmpdir(), 'caddy-e2e-docs-'));
	t.after(() => rm(dir, { recursive: true, force: true }));
	await writeFile(join(dir, name), wrap(code));
	return { dir, name };
}

// runProgram runs a snippet to its end.
async function runProgram(t, language, code) {
	const { dir, name } = await writeProgram(t, language, code);
	const [command, ...args] = runners[language].command;
	const { status, stderr } = spawnSync(command, [...args, name], { cwd: dir, encoding: 'utf8' });
	assert.equal(status, 0, stderr);
}

// startProgram starts a snippet that listens on a port.
async function startProgram(t, language, code, port) {
	const { dir, name } = await writeProgram(t, language, code);
	const { command, serve = () => [], build, built } = runners[language];
	if (build) assert.equal(spawnSync(build[0], build.slice(1), { cwd: dir }).status, 0);
	const [program, ...args] = built ? [built] : [...command, ...serve(port), name];
	const child = spawn(program, args, { cwd: dir, stdio: 'ignore' });
	const exit = once(child, 'exit');
	t.after(async () => {
		child.kill('SIGKILL');
		await exit; // the next program listens on the same port
	});
	await withDeadline(waitForPort(child, port), `start of ${language}`);
}

async function waitForPort(child, port) {
	for (;;) {
		if (child.exitCode !== null) throw new Error(`exited with ${child.exitCode}`);
		const socket = net.connect(port, '127.0.0.1');
		const opened = await once(socket, 'connect').then(() => true, () => false);
		socket.destroy();
		if (opened) return;
	}
}

const [, emitChapter] = (await readPage('admin-api.md')).match(/\n## Emit\n(.*?)\n## /s);
const emitters = findSnippets(emitChapter).filter(({ language }) => language !== 'json');

describeWithCaddy('docs/admin-api.md', socketio('namespace / {\n\tjoin lobby\n}'), (caddy) => {
	test('has one line in each language', () => {
		assert.deepEqual(emitters.map(({ language }) => language).sort(), Object.keys(runners).sort());
	});

	for (const { language, code } of emitters) {
		test(`one line of ${language}`, { skip: skipped(language) }, async (t) => {
			const socket = await connectSocket(t, kind(4, 'websocket'), caddy().url);
			const got = new Inbox(socket, 'news');
			await runProgram(t, language, code.replaceAll('localhost:2019', caddy().admin));
			assert.deepEqual(await got.has(1), [['hello']]);
		});
	}
});

const quickstart = await readPage('quickstart.md');
const [, site] = quickstart.match(/```caddyfile\nhttp:\/\/localhost:8080 \{\n(.*?)\n\}\n```/s);
const [, applications] = quickstart.match(/\n## 3\. The application\n(.*?)\n## Next\n/s);
const chapters = applications.split(/^### /m).slice(1).map((text) => ({ title: text.split('\n')[0], snippets: findSnippets(text) }));
const port = await freePort();

describeWithCaddy('docs/quickstart.md', site.replaceAll('127.0.0.1:9000', `127.0.0.1:${port}`), (caddy) => {
	test('has a chapter for each language', () => {
		assert.deepEqual(chapters.map(({ title }) => title), ['PHP', 'Python', 'Ruby', 'Go', 'Java', 'Node.js']);
		for (const { title, snippets } of chapters) assert.equal(snippets.length, 2, title);
	});

	for (const { title, snippets: [application, emitter] } of chapters) {
		const skip = skipped(application.language);
		test(`an application in ${title}`, { skip }, async (t) => {
			await startProgram(t, application.language, application.code.replaceAll('9000', port), port);
			const sender = await connectSocket(t, kind(4, 'websocket'), `${caddy().url}/chat`);
			const got = new Inbox(await connectSocket(t, kind(4, 'websocket'), `${caddy().url}/chat`), 'message');
			const text = title === 'Java' ? 'hello from Java' : 'hello';
			assert.deepEqual(await emitWithAck(sender, 'message', 'hello'), ['ok']);
			assert.deepEqual(await got.has(1), [[text]]);
		});

		test(`an emitter in ${title}`, { skip }, async (t) => {
			const got = new Inbox(await connectSocket(t, kind(4, 'websocket'), `${caddy().url}/chat`), 'message');
			await runProgram(t, emitter.language, emitter.code.replaceAll('localhost:2019', caddy().admin));
			assert.deepEqual(await got.has(1), [[`hello from ${title}`]]);
		});
	}
});
