// openapi.yaml is valid, and the server does what it documents. The responses that
// other tests get are checked, too, where they are got.

import assert from 'node:assert/strict';
import http from 'node:http';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Caddy } from './lib/caddy.js';
import { connectSocket, kind } from './lib/clients.js';
import { answered, checkResponse, document, documentAllows, examples, operations } from './lib/openapi.js';
import { describeWithCaddy, namespace, socketio, test } from './lib/rules.js';
import { withDeadline } from './lib/time.js';

test('the description is valid OpenAPI 3.1', async () => {
	const validator = new Validator();
	const { valid, errors } = await validator.validate(structuredClone(document));
	assert.ok(valid, JSON.stringify(errors));
	assert.equal(validator.version, '3.1');
});

const json = 'application/json';

// ask makes a request of an API, and checks the answer.
async function ask(api, method, path, body, type = json) {
	const url = `/socketio${path}`;
	const request = http.request({ ...api, method, path: url, agent: false, headers: body === undefined ? {} : { 'Content-Type': type } });
	const answer = new Promise((resolve, reject) => {
		request.on('error', reject);
		request.on('response', async (response) => {
			let text = '';
			for await (const chunk of response.setEncoding('utf8')) text += chunk;
			resolve({ status: response.statusCode, headers: response.headers, text });
		});
	});
	request.end(body);
	const { status, headers, text } = await withDeadline(answer, `answer to ${method} ${path}`);
	checkResponse(method, url, status, headers, text);
	return { status, text };
}

// Bodies that an emit may have, and may not have. The server takes more: a number for the
// name of a room, and an object with the keys 0, 1, 2 for a list.
const bodies = [
	{ event: 'x' }, { event: 'x', args: [1, 'a', null, { a: [] }] }, { event: 'x', args: [] }, { event: 'x', to: [], except: ['a'] },
	{ event: 'x', id: 'one' }, { event: 'x', id: '' }, { event: 'x', id: 1 },
	{ event: 'x', volatile: true, local: true, compress: false, hub: 'default', namespace: '/chat' },
	[], [{ event: 'x' }],
	{}, { event: '' }, { event: 1 }, { event: ['x'] }, { event: 'disconnect' }, { event: 'connect' }, { event: 'newListener' },
	{ event: 'x', args: 'y' }, { event: 'x', to: 'a' }, { event: 'x', to: [''] },
	{ event: 'x', volatile: 1 }, { event: 'x', local: 'yes' }, { event: 'x', compress: [] },
	{ event: 'x', ack: 5 }, { event: 'x', ack: { timeout: 5 } }, { event: 'x', ack: { wait: '5s' } }, { event: 'x', rooms: ['a'] },
	{ Event: 'x' }, { event: 'x', Namespace: '/' }, { event: 'x', ack: { Timeout: '1s' } }, { event: 'x', namespace: 7 }, { event: 'x', hub: [] }, 'x', 7, true,
];

// everything asks an API for all that is documented. id is the id of a socket.
async function everything(api, id) {
	for (const operation of operations) {
		const { path, method, operation: { requestBody, parameters = [] } } = operation;
		const namesHub = parameters.some(({ $ref }) => $ref?.endsWith('/Hub'));
		for (const { name, type, text } of examples(operation)) {
			assert.equal((await ask(api, method, path, text, type)).status, 200, `${path}: ${name}`);
		}
		assert.equal((await ask(api, 'PATCH', path)).status, 405);
		if (path === '/socket') {
			assert.equal((await ask(api, 'GET', path)).status, 400);
			assert.equal((await ask(api, 'GET', `${path}?id=nope`)).status, 404);
			assert.equal((await ask(api, 'GET', `${path}?id=${id}`)).status, 200);
			continue;
		}
		if (path === '/tail') { // a stream without an end
			assert.equal((await ask(api, 'GET', `${path}?nonsense=1`)).status, 400);
			assert.equal((await ask(api, 'GET', `${path}?hub=nope`)).status, 404);
			continue;
		}
		if (!requestBody) {
			assert.equal((await ask(api, method, path)).status, 200);
			assert.equal((await ask(api, method, `${path}?nonsense=1`)).status, 400);
			if (namesHub) assert.equal((await ask(api, method, `${path}?hub=nope`)).status, 404);
			continue;
		}
		assert.equal((await ask(api, method, path, '{"nonsense":1}')).status, 400);
		if (namesHub) assert.equal((await ask(api, method, `${path}?hub=nope`, examples(operation)[0].text)).status, 404);
		assert.equal((await ask(api, method, path, '{}', 'text/plain')).status, 415);
		assert.equal((await ask(api, method, path, ' '.repeat(16 * 2 ** 20 + 1))).status, 413);
	}
	const emit = operations.find(({ path }) => path === '/emit');
	for (const body of bodies) {
		const { status, text } = await ask(api, 'POST', '/emit', JSON.stringify(body));
		assert.equal(status === 200, documentAllows(emit, body), `${JSON.stringify(body)}: ${text}`);
	}
}

const site = `${socketio(namespace('/') + namespace('/chat'))}
	socketio_api`;

describeWithCaddy('OpenAPI', site, (caddy) => {
	for (const [name, port] of [['on the admin endpoint', () => caddy().adminPort], ['on a route', () => caddy().http]]) {
		test(name, async (t) => {
			const socket = await connectSocket(t, kind(4, 'websocket'), caddy().url);
			await everything({ host: '127.0.0.1', port: port() }, socket.id);
		});
	}

	test('every status that is documented has been answered', async (t) => {
		const closed = await Caddy.start('socketio_api {\n\thub none\n\tallow status\n\tnamespaces /none\n}');
		t.after(() => closed.stop());
		for (const { path, method } of operations) await ask({ host: '127.0.0.1', port: closed.http }, method, path);
		const wanted = operations.flatMap(({ path, method, operation }) => Object.keys(operation.responses).map((status) => `${method} ${path} ${status}`));
		await ask({ host: '127.0.0.1', port: caddy().adminPort }, 'POST', '/drain', '{"over":"0s"}');
		await ask({ host: '127.0.0.1', port: caddy().adminPort }, 'GET', '/health/ready');
		// These need a cluster that is out of reach, a status that is forbidden, a process
		// that exits, a stream, and many measurements at a time.
		const unreached = ['POST /server_side_emit 503', 'GET / 403', 'POST /drain 409', 'DELETE /drain 409', 'GET /tail 200', 'GET /tail 503', 'GET /top 503'];
		const missing = wanted.filter((one) => !answered.has(one) && !unreached.includes(one));
		assert.deepEqual(missing, []);
	});
});
