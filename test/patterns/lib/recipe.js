// A page of docs/recipes: its Caddyfile, its Node.js server, its application and the lines
// of its client, as they stand there.

import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countLines } from './lines.js';

const docs = new URL('../../../docs/recipes/', import.meta.url);
const extensions = { js: 'mjs', python: 'py', php: 'php' };

// readRecipe reads a page. files are its programs by name, lines the numbers that the page
// claims, and counted those that it has.
export async function readRecipe(name) {
	const text = await readFile(new URL(`${name}.md`, docs), 'utf8');
	const chapters = Object.fromEntries(text.split(/^## /m).slice(1).map((chapter) => {
		const [, title, language, code] = chapter.match(/^(.+?)\n.*?```(\w+)\n(.*?)^```/ms);
		return [title, { language, code }];
	}));
	const { Caddyfile: caddyfile, 'Node.js': node, Application: application, Client: client } = chapters;
	const files = { Caddyfile: caddyfile.code, 'node.mjs': node.code };
	const counted = { 'Node.js': countLines(node.code, 'js'), Caddyfile: countLines(caddyfile.code, 'caddyfile') };
	if (application) {
		files[`backend.${extensions[application.language]}`] = application.code;
		counted.backend = countLines(application.code, application.language);
	}
	const [, claim] = text.match(/^Lines of code: (.+)\.$/m);
	const lines = Object.fromEntries(claim.split(', ').map((part) => part.split(' ')).map(([what, n]) => [what, Number(n)]));
	return { files, client: client.code, lines, counted };
}

// writeRecipe writes the files to a directory that exists until the end of the test.
export async function writeRecipe(t, files) {
	const dir = await mkdtemp(join(tmpdir(), 'caddy-recipe-'));
	t.after(() => rm(dir, { recursive: true, force: true }));
	await symlink(fileURLToPath(new URL('../node_modules', import.meta.url)), join(dir, 'node_modules'));
	for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
	return dir;
}
