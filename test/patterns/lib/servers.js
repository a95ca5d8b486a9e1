// The two servers of a pattern: its Node.js server, and Caddy with its backend.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Caddy, freePort } from '../../e2e/lib/caddy.js';
import { withDeadline } from '../../e2e/lib/time.js';

const runners = {
	mjs: (file) => [process.execPath, file],
	py: (file) => ['python3', file],
	php: (file, port) => ['php', '-S', `127.0.0.1:${port}`, file],
};

// startProgram runs a program until the end of the test, and waits until it listens on
// its port.
async function startProgram(t, file, port, env = {}) {
	const [command, ...args] = runners[file.split('.').at(-1)](file, port);
	const child = spawn(command, args, { env: { ...process.env, PORT: port, ...env }, stdio: 'ignore' });
	const exit = once(child, 'exit');
	t.after(async () => {
		child.kill('SIGKILL');
		await exit;
	});
	await withDeadline(awaitPort(child, port), `start of ${file}`);
}

async function awaitPort(child, port) {
	for (;;) {
		if (child.exitCode !== null) throw new Error(`exited with ${child.exitCode}`);
		const socket = net.connect(port, '127.0.0.1');
		const opened = await once(socket, 'connect').then(() => true, () => false);
		socket.destroy();
		if (opened) return;
		await setTimeout(20); // leaves the processor to the program
	}
}

// startNodeServer starts node.mjs of a directory.
export async function startNodeServer(t, dir) {
	const port = await freePort();
	await startProgram(t, join(dir, 'node.mjs'), port);
	return { url: `http://127.0.0.1:${port}` };
}

// startCaddy starts the Caddyfile of a directory, with backend.* if there is one that runs
// as a server.
export async function startCaddy(t, dir, { hasServer = true } = {}) {
	const ports = { http: await freePort(), admin: await freePort() };
	const backend = hasServer && (await readdir(dir)).find((name) => name.startsWith('backend.'));
	let [, site] = (await readFile(join(dir, 'Caddyfile'), 'utf8')).match(/^:3000 \{\n(.*)^\}/ms);
	if (backend) {
		const port = await freePort();
		await startProgram(t, join(dir, backend), port, { ADMIN: `127.0.0.1:${ports.admin}` });
		site = site.replaceAll('127.0.0.1:9000', `127.0.0.1:${port}`);
	}
	const caddy = await Caddy.start(site, { ports });
	t.after(() => caddy.stop());
	return caddy;
}
