// The example of a cluster, started by the commands that its Caddyfile names, to the
// letter: two Caddys and a server in Node.js behind a load balancer, with clients that
// may poll. The commands need their ports; where one is taken, the test is skipped,
// but not on CI.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once as eventOf } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { withDeadline } from '../e2e/lib/time.js';
import { awaitCondition, emitWithAck } from './lib/cluster.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const url = 'http://localhost:8080';
const ports = { redis: 6379, admin: 2019, balancer: 8080, nodes: [8081, 8082, 8083] };
const startTimeout = 300_000; // ms: the first command compiles Caddy

// portInUse returns the first of the example's ports that something listens on.
async function portInUse() {
	for (const port of Object.values(ports).flat()) {
		const server = net.createServer().listen(port, '127.0.0.1');
		try {
			await eventOf(server, 'listening');
		} catch {
			return port;
		}
		server.close();
		await eventOf(server, 'close');
	}
}

// commands returns the shell commands in the comment at the top of the Caddyfile.
async function commands() {
	const text = await readFile(join(root, 'examples/cluster/Caddyfile'), 'utf8');
	return [...text.matchAll(/^#\t(.+)$/gm)].map(([, command]) => command);
}

// Command is a shell command with all of its child processes.
class Command {
	static async start(command, port) {
		const started = new Command();
		// With the race detector, as the other tests: nothing has to be compiled again.
		const env = { ...process.env, GOFLAGS: `${process.env.GOFLAGS ?? ''} -race`.trim() };
		started.child = spawn('sh', ['-c', command], { cwd: root, env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
		let errors = '';
		started.child.stderr.on('data', (data) => (errors = (errors + data).slice(-4000)));
		started.exit = eventOf(started.child, 'exit');
		const exited = started.exit.then(() => Promise.reject(new Error(`${command} ended: ${errors}`)));
		exited.catch(() => {}); // a command that ends later ends by stop
		try {
			await withDeadline(Promise.race([listening(port), exited]), command, startTimeout);
		} catch (error) {
			await started.stop();
			throw error;
		}
		return started;
	}

	// stop does what Ctrl-C does in a terminal: it interrupts the whole process group.
	async stop() {
		if (this.child.exitCode !== null || this.child.signalCode !== null) return;
		process.kill(-this.child.pid, 'SIGINT');
		await withDeadline(this.exit, 'end of the command');
	}
}

// listening waits until a TCP connection to the port is accepted.
async function listening(port) {
	await awaitCondition(async () => {
		const socket = net.connect(port, '127.0.0.1');
		try {
			await eventOf(socket, 'connect');
			return true;
		} catch {
			return false;
		} finally {
			socket.destroy();
		}
	}, `a listener on port ${port}`, startTimeout);
}

const taken = await portInUse();
if (taken && process.env.CI) throw new Error(`port ${taken} is in use, which the example needs`);
const skip = redisMissing || (taken ? `port ${taken} is in use, which the example needs` : false);

describe('the example of a cluster', { skip, timeout: 2 * startTimeout }, () => {
	let redis;
	let nodes;
	let balancer;

	before(async () => {
		redis = await Redis.start(ports.redis);
		const [first, second, third, last] = await commands();
		nodes = [];
		for (const [i, command] of [first, second, third].entries()) nodes.push(await Command.start(command, ports.nodes[i]));
		balancer = await Command.start(last, ports.balancer);
	});
	after(async () => {
		await Promise.all([balancer, ...nodes ?? []].map((command) => command?.stop()));
		await redis?.stop();
	});

	// everywhere connects clients until each node has one, and returns these three.
	// They keep cookies, as browsers do.
	async function everywhere(t, transports) {
		const at = new Map();
		while (at.size < 3) {
			const socket = io(url, { forceNew: true, transports, withCredentials: true, reconnectionDelay: 10 });
			t.after(() => socket.close());
			socket.got = [];
			socket.on('said', (message) => socket.got.push(message));
			socket.on('connect', async () => (socket.server = await emitWithAck(socket, 'join', 'everybody')));
			await awaitCondition(() => socket.server, 'the client joins');
			if (at.has(socket.server)) socket.close();
			else at.set(socket.server, socket);
		}
		return [...at.values()].sort((a, b) => a.server.localeCompare(b.server));
	}

	for (const transports of [['polling'], ['polling', 'websocket'], ['websocket']]) {
		it(`has one room for all, by ${transports.join(' and ')}`, async (t) => {
			const sockets = await everywhere(t, transports);
			assert.deepEqual(sockets.map(({ server }) => server), ['Caddy on 8081', 'Caddy on 8082', 'Node.js on 8083']);
			for (const socket of sockets) await emitWithAck(socket, 'say', 'everybody', socket.server);
			for (const { server, got } of sockets) {
				const others = sockets.map((other) => other.server).filter((other) => other !== server);
				await awaitCondition(() => got.length >= 2, 'messages of the others');
				assert.deepEqual(got.toSorted(), others);
			}
		});
	}

	it('serves the page and its client', async () => {
		const page = await (await fetch(url)).text();
		const [client] = page.match(/\/socket\.io\/[^"]+/);
		assert.equal((await fetch(url + client)).status, 200);
	});

	it('moves the clients of a node that ends to another', async (t) => {
		const sockets = await everywhere(t, ['polling', 'websocket']);
		const [lost] = sockets;
		const { server } = lost;
		await nodes[0].stop();
		await awaitCondition(() => lost.connected && lost.server !== server, 'the client is at another node');
		for (const [i, from] of [[0, 1], [1, 2], [2, 0]]) {
			sockets[i].got.length = 0;
			await emitWithAck(sockets[from], 'say', 'everybody', 'still here');
			await awaitCondition(() => sockets[i].got.includes('still here'), 'they meet again');
		}
	});
});
