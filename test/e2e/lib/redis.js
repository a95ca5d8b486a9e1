// A Redis of our own, on a free loopback port.

import { spawn, spawnSync } from 'node:child_process';
import { once as eventOf } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './caddy.js';
import { withDeadline } from './time.js';

export const redisMissing = spawnSync('redis-server', ['--version']).status === 0 ? false : 'redis-server is not installed';

export class Redis {
	#child;
	#dir;
	#exit;

	static async start(port) {
		const redis = new Redis();
		redis.port = port ?? await freePort();
		redis.#dir = await mkdtemp(join(tmpdir(), 'redis-e2e-'));
		await redis.up();
		return redis;
	}

	get url() {
		return `redis://127.0.0.1:${this.port}`;
	}

	// up starts the server, or starts it again.
	async up() {
		const child = spawn('redis-server', [
			'--port', this.port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', this.#dir,
		], { stdio: ['ignore', 'pipe', 'ignore'] });
		this.#child = child;
		const kill = () => child.kill('SIGKILL');
		process.once('exit', kill);
		this.#exit = eventOf(child, 'exit').finally(() => process.off('exit', kill));
		const ready = new Promise((resolve) => {
			createInterface({ input: child.stdout }).on('line', (line) => {
				if (line.includes('Ready to accept connections')) resolve();
			});
		});
		await withDeadline(ready, 'start of redis-server');
	}

	async down() {
		this.#child.kill('SIGKILL');
		await withDeadline(this.#exit, 'end of redis-server');
	}

	// freeze stops the server, with its connections open, until it is thawed.
	freeze() {
		this.#child.kill('SIGSTOP');
	}

	thaw() {
		this.#child.kill('SIGCONT');
	}

	async stop() {
		await this.down();
		await rm(this.#dir, { recursive: true, force: true });
	}
}
