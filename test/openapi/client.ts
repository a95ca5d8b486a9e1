// A client in TypeScript, with the types that openapi-typescript makes from openapi.yaml.
// It uses the API at the address of its argument, and fails if a reply is unexpected.

import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './testdata/schema.js';

type Emit = components['schemas']['Emit'];

const [, , endpoint] = process.argv;
// Caddy's admin endpoint accepts fetch of Node.js with its own origin only.
const api = createClient<paths>({ baseUrl: `${endpoint}/socketio`, headers: { Origin: endpoint } });

const event: Emit = { event: 'news', args: ['hello', { list: [1, null] }] }; // no default is required
const one = await api.POST('/emit', { body: event });
assert.ok(one.data && 'delivered' in one.data);
assert.equal(one.data.delivered, 0);

const batch = await api.POST('/emit', { body: [event, { event: 'disconnect' }] });
assert.ok(batch.data && 'emits' in batch.data);
assert.deepEqual([batch.data.emits, batch.data.errors[0]?.index], [1, 1]);

const stream = await api.POST('/emit', {
	body: `${JSON.stringify(event)}\n${JSON.stringify(event)}\n`,
	bodySerializer: (text: unknown) => String(text),
	headers: { 'Content-Type': 'application/x-ndjson' },
});
assert.ok(stream.data && 'emits' in stream.data);
assert.equal(stream.data.emits, 2);

const joined = await api.POST('/join', { body: { in: ['nobody'], rooms: ['vip'] } });
assert.equal(joined.data?.sockets, 0);
const rooms = await api.GET('/rooms', { params: { query: { namespace: '/', own: true } } });
assert.deepEqual(rooms.data, []);
const sockets = await api.GET('/sockets', { params: { query: { in: ['lobby'] } } });
assert.deepEqual(sockets.data, []);
const status = await api.GET('/');
assert.equal(status.data?.hubs[0]?.name, 'default');
const drained = await api.POST('/drain', { body: { over: '1h' } });
assert.deepEqual([drained.data?.over, drained.data?.total], ['1h0m0s', 0]);
const serving = await api.DELETE('/drain');
assert.equal(serving.data?.state, 'serving');
const wrong = await api.GET('/rooms', { params: { query: { hub: 'nope' } } });
assert.equal(wrong.response.status, 404);
assert.match(wrong.error?.error ?? '', /there is no hub/);
