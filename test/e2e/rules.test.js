// The options of rules: parallel, allow_ids, use and every.

import assert from 'node:assert/strict';
import { App } from './lib/app.js';
import { Caddy } from './lib/caddy.js';
import { awaitConnectError, connectSocket, emitWithAck, kind, kinds, openSocket } from './lib/clients.js';
import { describeWithCaddy, socketio, test, testEachClient } from './lib/rules.js';
import { awaitEvent } from './lib/time.js';

// Editor is the application of a collaborative editor: a pull waits for the next push.
class Editor {
	updates = [];
	waiting = [];
	canceled = 0;

	answer({ body }) {
		if (body.event === 'pushUpdates') {
			this.updates.push(...body.args[0]);
			if (body.args[0].length > 0) for (const wake of this.waiting.splice(0)) wake();
			return [200, { ack: [this.updates.length] }];
		}
		return (request, response) => {
			response.on('close', () => response.writableFinished || this.canceled++);
			const reply = () => response.end(JSON.stringify({ ack: [this.updates.slice(body.args[0])] }));
			if (this.updates.length > body.args[0]) reply();
			else this.waiting.push(reply);
		};
	}
}

test('a collaborative editor pulls and pushes at the same time', async (t) => {
	const app = await App.start(t);
	const editor = new Editor();
	app.answer = (request) => editor.answer(request);
	const caddy = await Caddy.start(socketio(`namespace /doc {
		on pullUpdates {
			parallel
			backend ${app.address}
		}
		on pushUpdates {
			backend ${app.address}
		}
	}`));
	t.after(() => caddy.stop());
	for (const k of kinds) {
		const version = editor.updates.length;
		const [a, b] = [await connectSocket(t, k, `${caddy.url}/doc`), await connectSocket(t, k, `${caddy.url}/doc`)];
		const pulls = [emitWithAck(a, 'pullUpdates', version), emitWithAck(b, 'pullUpdates', version)];
		assert.deepEqual(await emitWithAck(a, 'pushUpdates', [k.name]), [version + 1], k.name);
		for (const pull of pulls) assert.deepEqual(await pull, [[k.name]], k.name);
		const canceled = editor.canceled;
		b.emit('pullUpdates', version + 1);
		while (editor.waiting.length === 0) await emitWithAck(b, 'pushUpdates', []);
		b.disconnect();
		while (editor.canceled === canceled) await emitWithAck(a, 'pushUpdates', []);
		a.disconnect();
	}
});

const site = socketio(`
	namespace / {
		every 1s {
			all emit tick {event.name}
		}
	}
	namespace /rooms {
		use {
			require \`event.name != "blocked"\` "not this event"
		}
		on connect {
			join lobby
		}
		on "join room" {
			join {event.args.0}
			ack {socket.rooms}
		}
		on follow {
			allow_ids
			join {event.args.0}
			ack {socket.rooms}
		}
		on whisper {
			to {event.args.0} emit whispered {event.args.1}
			ack
		}
	}
	namespace /closed {
		on connect {
			join {socket.auth.room}
		}
	}`);

describeWithCaddy('rules', site, (caddy) => {
	testEachClient('the room of another socket stays private', async (t, kind) => {
		const [a, b] = [await connectSocket(t, kind, `${caddy().url}/rooms`), await connectSocket(t, kind, `${caddy().url}/rooms`)];
		assert.deepEqual(await emitWithAck(b, 'join room', a.id), [{ error: 'room is the id of another socket' }]);
		assert.deepEqual(await emitWithAck(b, 'join room', ['x', a.id]), [{ error: 'room is the id of another socket' }]);
		assert.deepEqual(await emitWithAck(b, 'join room', b.id), [[b.id, 'lobby']]);
		const heard = awaitEvent(a, 'whispered');
		await emitWithAck(b, 'whisper', a.id, 'psst');
		assert.deepEqual(await heard, ['psst']);
		assert.deepEqual(await emitWithAck(b, 'follow', a.id), [[b.id, 'lobby', a.id]]);
		const followed = awaitEvent(b, 'whispered');
		const c = await connectSocket(t, kind, `${caddy().url}/rooms`);
		await emitWithAck(c, 'whisper', a.id, 'to both');
		assert.deepEqual(await followed, ['to both']);
	});

	test('a socket that connects to the room of another one is refused', async (t) => {
		const a = await connectSocket(t, kind(4, 'websocket'), `${caddy().url}/rooms`);
		const b = openSocket(t, kind(4, 'websocket'), `${caddy().url}/closed`, { auth: { room: a.id } });
		assert.equal(await awaitConnectError(b), 'room is the id of another socket');
	});

	test('handlers in use run before every event', async (t) => {
		const a = await connectSocket(t, kind(4, 'websocket'), `${caddy().url}/rooms`);
		assert.deepEqual(await emitWithAck(a, 'blocked'), [{ error: 'not this event' }]);
		assert.deepEqual(await emitWithAck(a, 'join room', 'x'), [[a.id, 'lobby', 'x']]);
	});

	test('handlers in every run again and again', async (t) => {
		const a = await connectSocket(t, kind(4, 'websocket'), caddy().url);
		assert.deepEqual(await awaitEvent(a, 'tick'), ['every']);
		assert.deepEqual(await awaitEvent(a, 'tick'), ['every']);
	});
});
