// The tail of one Caddy shows the sockets of the others in the cluster.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { connectSocket, startCaddys } from './lib/cluster.js';

describe('the tail in a cluster', { skip: redisMissing, timeout: 60_000 }, () => {
	it('shows events of another node', async (t) => {
		const redis = await Redis.start();
		t.after(() => redis.stop());
		const nodes = await startCaddys(redis, 2);
		t.after(() => Promise.all(nodes.map((caddy) => caddy.stop())));
		const request = http.get(`http://${nodes[0].admin}/socketio/tail?event=news`);
		t.after(() => request.destroy());
		const [response] = await once(request, 'response');
		const lines = createInterface({ input: response });
		const socket = await connectSocket(t, nodes[1]);
		const repeat = setInterval(() => socket.emit('news', { token: 't' }, 'hello'), 50); // until the other node knows
		t.after(() => clearInterval(repeat));
		for await (const line of lines) {
			if (line === '') continue;
			const { kind, socket: id, node, args } = JSON.parse(line);
			assert.deepEqual([kind, id, args], ['event', socket.id, [{ token: '(hidden)' }, 'hello']]);
			assert.match(node, /^[^#]+#\d+$/);
			break;
		}
	});
});
