// The example of Laravel as it is in examples/, with Laravel and Laravel Echo unchanged.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import Echo from 'laravel-echo';
import { io } from 'socket.io-client';
import { Caddy, freePort } from '../e2e/lib/caddy.js';
import { test } from '../e2e/lib/rules.js';
import { awaitEvent, withDeadline } from '../e2e/lib/time.js';
import { Child, missing, site } from './lib/application.js';

const skip = missing('php-cgi', '--version') || missing('php', '-r', "require 'Illuminate/autoload.php'; require 'GuzzleHttp/autoload.php';");

describe('Laravel with Laravel Echo', { skip }, () => {
	let app;
	let caddy;
	before(async () => {
		const [port, http, admin] = [await freePort(), await freePort(), await freePort()];
		const variables = { port, SOCKETIO_API: `http://127.0.0.1:${admin}/socketio`, APP_KEY: '0123456789abcdef0123456789abcdef' };
		app = await Child.start(variables, ['php-cgi', '-b', `127.0.0.1:${port}`]);
		caddy = await Caddy.start(await site('laravel/Caddyfile', port), { ports: { http, admin } });
	});
	after(async () => {
		await caddy?.stop();
		await app?.stop();
	});

	const post = (path, fields, headers = {}) => withDeadline(fetch(caddy.url + path, {
		method: 'POST',
		headers: { Accept: 'application/json', ...headers },
		body: new URLSearchParams(fields),
	}), path);

	async function logIn(name, password) {
		const response = await post('/login', { name, password });
		assert.equal(response.status, 200, await response.clone().text());
		return response.headers.getSetCookie().map((cookie) => cookie.split(';')[0]).join('; ');
	}

	// open returns an Echo in a browser with these cookies.
	async function open(t, Cookie = '') {
		const echo = new Echo({
			broadcaster: 'socket.io', client: io, host: caddy.url,
			namespace: 'App', forceNew: true, extraHeaders: { Cookie },
		});
		t.after(() => echo.disconnect());
		await awaitEvent(echo.connector.socket, 'connect');
		return echo;
	}

	// sort sorts a list of members, which comes in the order of the sockets' ids.
	const sort = (members) => members.toSorted((a, b) => a.name.localeCompare(b.name));

	// next returns the data of the next call of a listener that register sets.
	const next = (register, what) => withDeadline(new Promise((resolve) => register(resolve)), what);

	test('members of a presence channel come, talk and go', async (t) => {
		const [adasCookie, alansCookie] = [await logIn('ada', 'lovelace'), await logIn('alan', 'turing')];
		const [ada, alan] = [await open(t, adasCookie), await open(t, alansCookie)];
		const adasChat = ada.join('chat');
		assert.deepEqual(await next((done) => adasChat.here(done), 'here'), [{ name: 'ada' }]);
		const joining = next((done) => adasChat.joining(done), 'joining');
		const alansChat = alan.join('chat');
		assert.deepEqual(sort(await next((done) => alansChat.here(done), 'here')), [{ name: 'ada' }, { name: 'alan' }]);
		assert.deepEqual(await joining, { name: 'alan' });

		alansChat.listen('MessageSent', () => assert.fail('the sender gets its own message'));
		const message = next((done) => adasChat.listen('MessageSent', done), 'MessageSent');
		const headers = { Cookie: alansCookie, 'X-Socket-ID': alan.socketId() };
		const response = await post('/messages', { text: 'hello, "☕"' }, headers);
		assert.equal(response.status, 200, await response.text());
		assert.deepEqual(await message, { from: 'alan', text: 'hello, "☕"' });

		const whisper = next((done) => alansChat.listenForWhisper('typing', done), 'whisper');
		adasChat.whisper('typing', { name: 'ada' });
		assert.deepEqual(await whisper, { name: 'ada' });

		const tab = await open(t, alansCookie);
		const tabsChat = tab.join('chat');
		assert.deepEqual(sort(await next((done) => tabsChat.here(done), 'here')), [{ name: 'ada' }, { name: 'alan' }]);
		const leaving = next((done) => adasChat.leaving(done), 'leaving');
		alan.leave('chat');
		tab.disconnect();
		assert.deepEqual(await leaving, { name: 'alan' });
	});

	test('private channels are for their users, and the application emits at any time', async (t) => {
		const cookie = await logIn('ada', 'lovelace');
		const [ada, alan, guest] = [await open(t, cookie), await open(t, await logIn('alan', 'turing')), await open(t)];
		for (const other of [alan, guest]) {
			other.private('users.ada').listen('.notice', () => assert.fail('a notice for ada'));
			const { socket } = other.connector;
			for (const channel of ['private-users.ada', 'presence-chat', 'private-nothing']) {
				const expected = other === guest || channel !== 'presence-chat' ? 'Forbidden' : undefined;
				const reply = await withDeadline(new Promise((done) => {
					socket.emit('subscribe', { channel }, done);
					if (!expected) done();
				}), channel);
				assert.equal(reply?.error, expected, channel);
			}
		}
		const notice = next((done) => ada.private('users.ada').listen('.notice', done), 'notice');
		await withDeadline(new Promise((done) => ada.join('chat').here(done)), 'here'); // events are in order
		await logIn('ada', 'lovelace');
		assert.deepEqual(await notice, { text: 'You logged in from another browser.' });
	});

	test('only members whisper, and only socketio calls its route', async (t) => {
		const guest = await open(t);
		const { socket } = guest.connector;
		const whisper = (channel, event) => withDeadline(new Promise((done) => {
			socket.emit('client event', { channel, event, data: 1 }, done);
		}), 'reply');
		guest.channel('news');
		for (const [channel, event] of [['presence-chat', 'client-typing'], ['news', 'client-typing'], ['news', 'presence:leaving']]) {
			assert.deepEqual(await whisper(channel, event), { error: 'forbidden' });
		}
		assert.equal((await post('/socketio', {})).status, 404);
		assert.equal((await post('/messages', { text: 'x' })).status, 401);
		assert.equal((await post('/login', { name: 'ada', password: 'turing' })).status, 401);
	});
});
