// Processes of a deployment, on loopback addresses of their own, so that each has the ports
// that the files in examples/ name.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { awaitCondition } from '../../e2e/lib/cluster-sockets.js';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const readExample = (name) => readFile(join(root, 'examples', name), 'utf8');

// missing returns the reason to skip a test where a command does not exist, or false.
export const missing = (command) => (spawnSync(command, ['--version']).error ? `${command} is not installed` : false);

// getStatus resolves to the status of a GET request, or to 0 without a reply.
export const getStatus = (url) => fetch(url).then(({ status }) => status, () => 0);

// Process is a process with a directory, which is removed when the process stops. It has started
// when its log has the text.
export class Process {
	static async start(command, args, { dir, env = {}, started: text }) {
		const started = new Process();
		started.dir = dir;
		started.child = spawn(command, args, { cwd: dir, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
		const kill = () => started.child.kill('SIGKILL');
		process.once('exit', kill);
		started.exit = once(started.child, 'exit').finally(() => process.off('exit', kill));
		started.log = '';
		started.child.stderr.on('data', (data) => (started.log += data));
		try {
			await awaitCondition(async () => {
				if (started.child.exitCode !== null) throw new Error(`${command} ended: ${started.log}`);
				return started.log.includes(text);
			}, `start of ${command}`);
		} catch (error) {
			await started.stop('SIGKILL');
			throw error;
		}
		return started;
	}

	async stop(signal = 'SIGTERM') {
		this.child.kill(signal);
		await this.exit;
		await rm(this.dir, { recursive: true, force: true });
	}
}

export const makeDir = () => mkdtemp(join(tmpdir(), 'caddy-deploy-'));

// startCaddy starts a Caddy with the text of a Caddyfile. All of its listeners are on the
// address, the admin endpoint included.
export async function startCaddy(text, address, env = {}) {
	const dir = await makeDir();
	const file = join(dir, 'Caddyfile');
	await writeFile(file, text.replace(/^\{\n/m, `{\n\tdefault_bind ${address}\n`));
	return Process.start(process.env.CADDY, ['run', '--config', file], {
		dir, started: 'serving initial configuration',
		env: { ...env, CADDY_ADMIN: `${address}:2019`, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
	});
}
