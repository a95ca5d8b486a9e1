// openapi.yaml as generators of clients read it: Redocly finds no fault in it, and the
// clients of two generators compile and use the API of a Caddy.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once as eventOf } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Caddy } from '../e2e/lib/caddy.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const description = join(here, '../../openapi.yaml');
const go = process.env.GO ?? 'go';

// run runs a command in this directory, and expects it to succeed. It resolves to its output.
async function run(command, args, env = {}) {
	const child = spawn(command, args, { cwd: here, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
	let output = '';
	for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
	const [code] = await eventOf(child, 'close');
	assert.equal(code, 0, `${command} ${args.join(' ')}: ${output}`);
	return output;
}

const tool = (name, ...args) => run(join(here, 'node_modules/.bin', name), args, { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' });

test('Redocly finds no error and no warning', async () => {
	assert.match(await tool('redocly', 'lint', description), /Your API description is valid/);
});

test('clients of generators', async (t) => {
	const caddy = await Caddy.start('socketio');
	t.after(() => caddy.stop());
	const endpoint = `http://${caddy.admin}`;

	await t.test('openapi-typescript', async () => {
		await tool('openapi-typescript', description, '-o', 'testdata/schema.d.ts');
		await tool('tsc');
		await run(process.execPath, ['testdata/client.js', endpoint]);
	});

	await t.test('ogen', async () => {
		await run(go, ['tool', 'ogen', '--config', 'ogen.yml', '--target', 'testdata/socketioapi', '--package', 'socketioapi', '--clean', description]);
		assert.doesNotMatch(await run(go, ['test', '-v', '-count=1', './...'], { SOCKETIO_ENDPOINT: endpoint }), /SKIP/);
	});
});
