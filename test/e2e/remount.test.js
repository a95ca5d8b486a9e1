// Clients that disconnect and connect again before they are connected, as components
// do that React mounts twice.

import assert from 'node:assert/strict';
import { App } from './lib/app.js';
import { Caddy } from './lib/caddy.js';
import { awaitConnect, awaitConnectError, connectSocket, emitWithAck, kinds, openNamespace } from './lib/clients.js';
import { Poller } from './lib/poller.js';
import { namespace, socketio, test, testEachClient } from './lib/rules.js';
import { withDeadline } from './lib/time.js';

// Door is an application that accepts or refuses connecting sockets when the test says so.
class Door {
	static async start(t) {
		const door = new Door();
		door.app = await App.start(t);
		door.app.answer = ({ body }) => (body.type === 'connect' ? door.#ask(body) : [200, { ack: [body.socket.auth] }]);
		door.caddy = await Caddy.start(socketio(`
			${namespace('/')}
			namespace /app {
				on connect who {
					backend {
						reverse_proxy ${door.app.address}
					}
				}
			}
		`));
		t.after(() => door.caddy.stop());
		return door;
	}

	asked = []; // how to answer each connect event, in order
	#waiting = [];

	#ask(body) {
		return new Promise((resolve) => {
			this.asked.push({ body, accept: () => resolve([204]), refuse: () => resolve([403]) });
			for (const check of this.#waiting.splice(0)) check();
		});
	}

	// has waits until so many connect events were asked about.
	async has(count) {
		const enough = async () => {
			while (this.asked.length < count) await new Promise((resolve) => this.#waiting.push(resolve));
		};
		await withDeadline(enough(), `connect event number ${count}`);
	}

	async sockets() {
		const { body } = await this.caddy.get('/socketio/sockets?namespace=/app');
		return body;
	}
}

testEachClient('a socket that connects twice is decided once and connected once', async (t, kind) => {
	const door = await Door.start(t);
	const root = await connectSocket(t, kind, door.caddy.url);
	const chat = openNamespace(t, root, '/app');
	let connects = 0;
	chat.on('connect', () => connects++);
	await door.has(1);
	for (let i = 0; i < 3; i++) chat.disconnect().connect();
	await emitWithAck(root, 'echo', 1); // the packets before it have arrived
	door.asked[0].accept();
	await awaitConnect(chat);
	await emitWithAck(chat, 'who');
	await emitWithAck(root, 'echo', 1);
	assert.equal(connects, 1);
	assert.equal(door.asked.length, 1);
	assert.equal((await door.sockets()).length, 1);
	assert.equal(root.connected, true);
	chat.disconnect();
	chat.connect();
	await door.has(2);
	door.asked[1].accept();
	await awaitConnect(chat);
	await emitWithAck(root, 'echo', 2);
	assert.equal((await door.sockets()).length, 1);
});

testEachClient('a refusal is heard once', async (t, kind) => {
	const door = await Door.start(t);
	const root = await connectSocket(t, kind, door.caddy.url);
	const chat = openNamespace(t, root, '/app');
	await door.has(1);
	chat.disconnect().connect();
	await emitWithAck(root, 'echo', 1);
	door.asked[0].refuse();
	assert.equal(await awaitConnectError(chat), 'Forbidden');
	await emitWithAck(root, 'echo', 1);
	assert.equal(chat.connected, false);
	assert.equal(door.asked.length, 1);
	chat.disconnect().connect();
	await door.has(2);
	door.asked[1].accept();
	await awaitConnect(chat);
});

testEachClient('with another auth the last one counts', async (t, kind) => {
	const door = await Door.start(t);
	const root = await connectSocket(t, kind, door.caddy.url);
	const chat = root.io.socket('/app', { auth: { user: 'ada' } });
	t.after(() => chat.close());
	await door.has(1);
	chat.disconnect();
	chat.auth = { user: 'eve' };
	chat.connect();
	await door.has(2);
	door.asked[0].accept();
	await emitWithAck(root, 'echo', 1);
	assert.equal(chat.connected, false);
	door.asked[1].accept();
	await awaitConnect(chat);
	assert.deepEqual(await emitWithAck(chat, 'who'), [{ user: 'eve' }]);
	assert.equal((await door.sockets()).length, 1);
}, kinds.filter(({ version }) => version !== 2));

test('two connect packets in one payload', async (t) => {
	const door = await Door.start(t);
	const poller = new Poller(door.caddy.url);
	await poller.open();
	await poller.post('40/app,', '40/app,', '40/app,{}', '420["echo",1]');
	await door.has(1);
	assert.deepEqual(await poller.get(), ['430[1,null]']);
	door.asked[0].accept();
	const answer = await poller.get();
	assert.equal(answer.length, 1);
	assert.match(answer[0], /^40\/app,\{"sid":/);
	await poller.post('420["echo",2]');
	assert.deepEqual(await poller.get(), ['430[2,null]']);
	assert.equal(door.asked.length, 1);
});
