// Emits of the admin API that continue a trace: their delivery on each Caddy is a span of it,
// and Node.js servers deliver them as ever.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { Caddy } from '../e2e/lib/caddy.js';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { awaitCondition, connectSocket, global, site } from './lib/cluster.js';
import { generations, Node } from './lib/nodes.js';

const traceID = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';

for (const settings of ['', 'sharded']) {
	describe(`a trace with the ${settings || 'classic'} adapter`, { skip: redisMissing, timeout: 60_000 }, () => {
		let redis;
		let collector;
		let caddys;
		let nodes;
		let batches = ''; // spans, as OTLP writes them

		before(async () => {
			collector = http.createServer(async (request, response) => {
				for await (const chunk of request.setEncoding('latin1')) batches += chunk;
				response.end();
			}).listen(0, '127.0.0.1');
			await once(collector, 'listening');
			Object.assign(process.env, {
				OTEL_TRACES_EXPORTER: 'otlp',
				OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
				OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.address().port}`,
				OTEL_BSP_SCHEDULE_DELAY: '20',
			});
			redis = await Redis.start();
			const names = Object.keys(generations).filter((name) => name.includes('sharded') === (settings === 'sharded'));
			nodes = await Promise.all(names.map((name) => Node.start(redis, 'ioredis', name)));
			if (settings === '') nodes.push(await Node.startOld(redis));
			caddys = await Promise.all([1, 2].map(() => Caddy.start(`tracing\n${site}`, { global: global(redis, settings) })));
		});
		after(async () => {
			await Promise.all([...caddys ?? [], ...nodes ?? []].map((n) => n.stop()));
			await redis?.stop();
			collector.close();
		});

		const count = (text) => batches.split(text).length - 1;

		it('has a span for each Caddy, and reaches all clients', async (t) => {
			const sockets = await Promise.all([...caddys, ...nodes].map((n) => connectSocket(t, n, { version: n.io && settings === '' && n === nodes.at(-1) ? 2 : 4 })));
			await awaitCondition(async () => {
				await caddys[0].emit({ event: 'msg', args: ['subscribed?'] });
				return sockets.every(({ got }) => got.length > 0);
			}, 'all are subscribed');
			const emit = async (body) => {
				const headers = { traceparent: `00-${traceID}-${parent}-01` };
				const { status } = await caddys[0].post('/socketio/emit', body, undefined, headers);
				assert.equal(status, 200);
			};
			await emit({ event: 'msg', args: ['plain', { $binary: 'AP8=' }] });
			await emit({ event: 'msg', except: ['none'], compress: false, args: ['flags'] });
			for (const socket of sockets) {
				await awaitCondition(() => socket.got.at(-1)?.[0] === 'flags', 'the last event');
				const [[, binary]] = socket.got.filter(([first]) => first === 'plain');
				assert.deepEqual([...Buffer.from(binary)], [0, 255]);
			}
			const inTrace = Buffer.from(traceID, 'hex').toString('latin1');
			const ofParent = Buffer.from(parent, 'hex').toString('latin1');
			await awaitCondition(() => count('socketio deliver') >= 4, 'two spans of each Caddy');
			assert.deepEqual([count('socketio deliver'), count(inTrace), count(ofParent)], [4, 4, 4]);
		});

		it('sends Node.js nothing malformed', () => assert.deepEqual(nodes.flatMap(({ errors }) => errors), []));
	});
}
