// The tail: `caddy socketio tail` shows the life of official clients, line by line.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { Caddy } from './lib/caddy.js';
import { awaitConnectError, connectSocket, emitWithAck, kind, openSocket } from './lib/clients.js';
import { namespace, socketio, test } from './lib/rules.js';
import { withDeadline } from './lib/time.js';

// startTail runs the command, and returns a function that resolves to its next line.
function startTail(t, caddy, ...args) {
	const child = spawn(process.env.CADDY, ['socketio', 'tail', '--address', caddy.admin, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
	t.after(() => child.kill('SIGKILL'));
	const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
	return async () => (await withDeadline(lines.next(), 'line of the tail')).value;
}

test('tail', async (t) => {
	const caddy = await Caddy.start(socketio(namespace('/chat')));
	t.after(() => caddy.stop());

	await t.test('shows the life of a socket', async (t) => {
		const next = startTail(t, caddy, '--json', '--namespace', '/chat');
		const text = startTail(t, caddy, '--event', 'rooms*');
		// The commands have their streams when they have the first lines.
		const early = await connectSocket(t, kind(4, 'websocket'), `${caddy.url}/chat`);
		const repeat = setInterval(() => early.emit('rooms'), 100);
		t.after(() => clearInterval(repeat));
		await next();
		assert.match(await text(), /^\d\d:\d\d:\d\d\.\d{3} event +\/chat \S{20} rooms \[\] @[^\s#]+#\d+$/);
		for (const k of [kind(2, 'polling'), kind(4, 'upgrade')]) {
			const socket = await connectSocket(t, k, `${caddy.url}/chat`);
			await emitWithAck(socket, 'join', 'lobby\u009b2J', { password: 'hunter2' });
			socket.disconnect();
			const seen = [];
			for (let record = {}; record.event !== 'join';) {
				const line = await next();
				assert.doesNotMatch(line, /hunter2|[\u0000-\u001f\u007f-\u009f]/);
				record = JSON.parse(line);
			}
			for (let record = {}; record.kind !== 'disconnect';) {
				record = JSON.parse(await next());
				seen.push(record.kind);
				if (record.kind === 'join') assert.equal(record.room, 'lobby\u009b2J');
			}
			assert.deepEqual(seen, ['join', 'leave', 'disconnect']);
		}
		await awaitConnectError(openSocket(t, kind(4, 'websocket'), `${caddy.url}/nowhere`));
	});

	await t.test('does not wait for a client that does not read', async (t) => {
		const stuck = net.connect(caddy.adminPort, '127.0.0.1');
		t.after(() => stuck.destroy());
		stuck.write(`GET /socketio/tail?raw=true HTTP/1.1\r\nHost: ${caddy.admin}\r\n\r\n`);
		await once(stuck, 'readable');
		const socket = await connectSocket(t, kind(4, 'websocket'), `${caddy.url}/chat`);
		const large = 'x'.repeat(100_000);
		for (let i = 0; i < 200; i++) await emitWithAck(socket, 'rooms', large);
		let text = '';
		for await (const chunk of stuck.setEncoding('utf8')) {
			text += chunk;
			if (text.includes('"end"')) break;
		}
		assert.match(text, /"kind":"end","reason":"the tail was too slow: records were dropped"/);
	});
});
