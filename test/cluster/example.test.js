// The example of a cluster as it is in examples/: two Caddys and a server in Node
// behind a load balancer, with clients that may poll.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once as eventOf } from 'node:events';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { Caddy, freePort } from '../e2e/lib/caddy.js';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { within } from '../e2e/lib/time.js';
import { call, eventually } from './lib/cluster.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const examples = resolve(here, '../../examples');

// blocks are the insides of the global block, if there is one, and of the site.
async function blocks(file) {
	const text = await readFile(join(examples, 'cluster', file), 'utf8');
	const [global, site] = [/^\{\n([^]*?)^\}/m, /^http:\/\/\S+ \{\n([^]*)^\}/m].map((block) => text.match(block)?.[1]);
	return { global, site };
}

// startCaddy starts one of the Caddys of the cluster.
async function startCaddy(redis) {
	const { global, site } = await blocks('node.Caddyfile');
	const ports = { http: await freePort(), admin: await freePort() };
	const own = (text) => text.replaceAll('{$PORT}', ports.http).replace(/\{\$REDIS_URL:.*?\}/, redis.url).replace(/admin off.*/, '');
	return Caddy.start(own(site), { global: own(global), ports });
}

// Node is the server in Node, run where its packages are.
class Node {
	static async start(redis) {
		const node = new Node();
		node.http = await freePort();
		node.dir = await mkdtemp(join(here, 'node_modules/.example-'));
		const file = join(node.dir, 'server.mjs');
		await copyFile(join(examples, 'cluster/server.mjs'), file);
		node.process = spawn(process.execPath, [file], { env: { ...process.env, PORT: node.http, REDIS_URL: redis.url }, stdio: ['ignore', 'pipe', 'inherit'] });
		node.exit = eventOf(node.process, 'exit');
		await within(eventOf(node.process.stdout, 'data'), 'start of the server');
		return node;
	}

	async stop() {
		this.process.kill();
		await this.exit;
		await rm(this.dir, { recursive: true });
	}
}

describe('the example of a cluster', { skip: redisMissing, timeout: 60_000 }, () => {
	let redis;
	let servers;
	let balancer;

	before(async () => {
		redis = await Redis.start();
		servers = [await startCaddy(redis), await startCaddy(redis), await Node.start(redis)];
		let { site } = await blocks('Caddyfile');
		for (const [i, { http }] of servers.entries()) site = site.replace(`127.0.0.1:808${i + 1}`, `127.0.0.1:${http}`);
		balancer = await Caddy.start(site.replaceAll('root examples', `root ${examples}`));
	});
	after(async () => {
		await Promise.all([balancer, ...servers ?? []].map((server) => server?.stop()));
		await redis?.stop();
	});

	// everywhere has clients come until each server has one, and is those three.
	// They keep cookies, as browsers do.
	async function everywhere(t, transports) {
		const at = new Map();
		while (at.size < 3) {
			const socket = io(balancer.url, { forceNew: true, transports, withCredentials: true, reconnectionDelay: 10 });
			t.after(() => socket.close());
			socket.got = [];
			socket.on('said', (what) => socket.got.push(what));
			socket.on('connect', async () => (socket.server = await call(socket, 'join', 'everybody')));
			await eventually(() => socket.server, 'the client joins');
			if (at.has(socket.server)) socket.close();
			else at.set(socket.server, socket);
		}
		return [...at.values()].sort((a, b) => a.server.localeCompare(b.server));
	}

	for (const transports of [['polling'], ['polling', 'websocket'], ['websocket']]) {
		it(`has one room for all, by ${transports.join(' and ')}`, async (t) => {
			const sockets = await everywhere(t, transports);
			assert.match(sockets.map(({ server }) => server).join(), /^Caddy on \d+,Caddy on \d+,Node on \d+$/);
			for (const socket of sockets) await call(socket, 'say', 'everybody', socket.server);
			for (const { server, got } of sockets) {
				const others = sockets.map((other) => other.server).filter((other) => other !== server);
				await eventually(() => got.length >= 2, 'the others are heard');
				assert.deepEqual(got.toSorted(), others);
			}
		});
	}

	it('shows a page', async () => {
		const page = await (await fetch(balancer.url)).text();
		const [client] = page.match(/\/clients\/[^"]+/);
		assert.equal((await fetch(balancer.url + client)).status, 200);
	});

	it('has the clients of a server that ends go to another', async (t) => {
		const sockets = await everywhere(t, ['polling', 'websocket']);
		const [lost] = sockets;
		const { server } = lost;
		await servers.find(({ http }) => server.endsWith(http)).stop();
		await eventually(() => lost.connected && lost.server !== server, 'the client is at another server');
		for (const [i, from] of [[0, 1], [1, 2], [2, 0]]) {
			sockets[i].got.length = 0;
			await call(sockets[from], 'say', 'everybody', 'still here');
			await eventually(() => sockets[i].got.includes('still here'), 'they meet again');
		}
	});
});
