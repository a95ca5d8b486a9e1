// The applications of examples/, and their Caddyfiles.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withDeadline } from '../../e2e/lib/time.js';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

// missing returns the reason to skip a test where a command fails, or false.
export const missing = (command, ...args) => (spawnSync(command, args).status === 0 ? false : `${command} ${args.join(' ')} fails`);

// Child is an application that runs until it is stopped.
export class Child {
	#process;
	#exit;

	static async start({ port, ...variables }, [command, ...args]) {
		const child = new Child();
		const env = { ...process.env, PORT: port, ...variables };
		child.#process = spawn(command, args, { cwd: root, env, stdio: 'ignore' });
		child.#exit = once(child.#process, 'exit');
		try {
			await withDeadline(child.#listens(port), `start of ${command}`);
		} catch (error) {
			await child.stop();
			throw error;
		}
		return child;
	}

	async #listens(port) {
		for (;;) {
			if (this.#process.exitCode !== null) throw new Error(`ended with ${this.#process.exitCode}`);
			const socket = net.connect(port, '127.0.0.1');
			const [up] = await Promise.race([once(socket, 'connect').then(() => [true]), once(socket, 'close').then(() => [false])])
				.catch(() => [false]);
			socket.destroy();
			if (up) return;
		}
	}

	async stop() {
		this.#process.kill('SIGKILL');
		await this.#exit;
	}
}

// site is the inside of the example's site block, for other ports and places.
export async function site(caddyfile, port) {
	const text = await readFile(join(root, 'examples', caddyfile), 'utf8');
	const inside = text.match(/^http:\/\/localhost:8080 \{\n([^]*)^\}/m)[1];
	return inside.replace(/127\.0\.0\.1:(8081|9000)/g, `127.0.0.1:${port}`)
		.replace(/root (examples\/\S+)/g, (_, path) => `root "${resolve(root, path)}"`);
}
