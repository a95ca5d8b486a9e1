// Private messages: the application admits users, and chooses the receiver of each message.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

const users = new Map([['ada', 'lovelace'], ['alan', 'turing'], ['grace', 'hopper']]); // keep hashes instead
const secret = randomBytes(32); // sessions end with the process
const api = process.env.SOCKETIO_API ?? 'http://localhost:2019/socketio';

const mac = (value) => createHmac('sha256', secret).update(value).digest();
const equal = (a, b) => timingSafeEqual(mac(a), mac(b));
const sign = (value) => `${value}.${mac(value).toString('hex')}`;
const error = (status, message) => ({ status, body: { error: { message } } });

function userOf(cookies) {
	for (const cookie of cookies.split('; ')) { // ours is session=NAME.EXPIRES.SIGNATURE
		const value = cookie.slice(0, cookie.lastIndexOf('.'));
		if (!value.startsWith('session=') || !equal(sign(value), cookie)) continue;
		const [user, expires] = value.slice('session='.length).split('.');
		return Date.now() < Number(expires) ? user : undefined;
	}
}

// emit emits at any time, from anywhere in the application.
async function emit(event, args, to) {
	const headers = { 'Content-Type': 'application/json', Origin: new URL(api).origin };
	const response = await fetch(`${api}/emit`, { method: 'POST', headers, body: JSON.stringify({ event, args, to }) });
	if (!response.ok) throw new Error(`emit ${event}: ${await response.text()}`);
}

async function login(form, https) {
	const [user, password] = [form.get('name') ?? '', form.get('password') ?? ''];
	if (!users.has(user) || !equal(users.get(user), password)) return error(401, 'wrong name or password');
	await emit('notice', ['You logged in from another browser.'], [`user:${user}`]);
	const session = sign(`session=${user}.${Date.now() + 86_400_000}`);
	return { body: {}, cookie: `${session}; Path=/; HttpOnly; SameSite=Lax${https ? '; Secure' : ''}` };
}

function connect(user) {
	if (!user) return error(401, 'log in first');
	return { body: { data: { name: user }, join: [`user:${user}`], emit: [{ event: 'welcome', args: [user] }] } };
}

function privateMessage({ args: [to, message], socket }) {
	if (!users.has(to) || typeof message !== 'string' || message === '' || message.length > 2000) {
		return error(422, "expected a user's name and a text");
	}
	const args = [socket.data.name, message]; // the sender comes from the session, not from the client's event
	return { body: { emit: [{ event: 'private message', args, to: [`user:${to}`] }], ack: ['sent'] } };
}

function reply(request, body) {
	if (request.url === '/login') return login(new URLSearchParams(body), request.headers['x-forwarded-proto'] === 'https');
	const event = JSON.parse(body);
	return event.type === 'connect' ? connect(userOf(request.headers.cookie ?? '')) : privateMessage(event);
}

async function serve(request, response) {
	const { status = 200, body, cookie } = await reply(request, await text(request));
	if (cookie) response.setHeader('Set-Cookie', cookie);
	response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

const server = createServer((request, response) => serve(request, response).catch(() => response.destroy()));
server.listen(process.env.PORT ?? 8081, '127.0.0.1', () => console.log('listening on', server.address()));
