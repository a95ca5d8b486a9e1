// Private messages: the application admits users, and chooses the receiver of each message.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import express from 'express';
import session from 'express-session';

const users = new Map([['ada', 'lovelace'], ['alan', 'turing'], ['grace', 'hopper']]); // keep hashes instead
const api = process.env.SOCKETIO_API ?? 'http://localhost:2019/socketio';
const hash = (text) => createHash('sha256').update(text).digest();

// emit emits at any time, from anywhere in the application.
async function emit(event, args, to) {
	const headers = { 'Content-Type': 'application/json', Origin: new URL(api).origin };
	const response = await fetch(`${api}/emit`, { method: 'POST', headers, body: JSON.stringify({ event, args, to }) });
	if (!response.ok) throw new Error(`emit ${event}: ${await response.text()}`);
}

const app = express();
app.set('trust proxy', 'loopback'); // Caddy tells whether the browser uses HTTPS
app.use(session({
	secret: process.env.SECRET ?? randomBytes(32).toString('hex'),
	resave: false, saveUninitialized: false,
	cookie: { sameSite: 'lax', secure: 'auto' },
}));

app.post('/login', express.urlencoded(), async (request, response) => {
	const { name = '', password = '' } = request.body;
	if (!users.has(name) || !timingSafeEqual(hash(users.get(name)), hash(password))) {
		return response.status(401).json({ error: { message: 'wrong name or password' } });
	}
	request.session.name = name;
	await emit('notice', ['You logged in from another browser.'], [`user:${name}`]);
	response.json({});
});

app.post('/socket', express.json({ limit: '2mb' }), (request, response) => {
	const { type, args: [to, text] } = request.body;
	const { name } = request.session; // with the browser's cookie
	if (!name) return response.status(401).json({ error: { message: 'log in first' } });
	if (type === 'connect') return response.json({ join: [`user:${name}`], emit: [{ event: 'welcome', args: [name] }] });
	if (!users.has(to) || typeof text !== 'string' || text === '' || text.length > 2000) {
		return response.status(422).json({ error: { message: "expected a user's name and a text" } });
	}
	response.json({ emit: [{ event: 'private message', args: [name, text], to: [`user:${to}`] }], ack: ['sent'] });
});

app.listen(process.env.PORT ?? 8081, '127.0.0.1');
