// Tabs that run the lines of a client: in Node.js with the official client, or in
// Chromium with the client that the server serves. Both notify a mailbox of everything
// that the lines log, and both are open once the client is upgraded.

import { createContext, runInContext } from 'node:vm';
import { io } from 'socket.io-client';
import { awaitConnect, awaitUpgrade } from '../../e2e/lib/clients.js';
import { Mailbox } from './visitor.js';

// openTab runs the lines in Node.js. globals are constants that the lines name.
export async function openTab(name, url, lines, globals = {}) {
	const mailbox = new Mailbox(name);
	const sockets = [];
	const connect = (options) => {
		sockets.push(io(url, { forceNew: true, reconnection: false, ...options }));
		return sockets.at(-1);
	};
	const log = (...args) => mailbox.record(args.join(' '));
	const context = createContext({ ...globals, io: connect, console: { log }, setTimeout });
	runInContext(lines, context);
	for (const socket of sockets) {
		await awaitConnect(socket);
		await awaitUpgrade(socket);
	}
	return {
		mailbox,
		run: async (code) => { runInContext(code, context); },
		close: async () => sockets.forEach((socket) => socket.disconnect()),
	};
}

// openPage runs the lines in a page of Chromium, which has the server's origin. The lines
// name their socket socket.
export const openPage = (context) => async (name, url, lines, globals = {}) => {
	const mailbox = new Mailbox(name);
	const page = await context.newPage();
	page.on('console', (message) => mailbox.record(message.text()));
	page.on('pageerror', (error) => mailbox.record(`error: ${error.message}`));
	const client = `${url}/socket.io/socket.io.js`;
	await page.goto(client); // a page of text
	await page.addScriptTag({ url: client });
	const constants = Object.entries(globals).map(([key, value]) => `const ${key} = ${JSON.stringify(value)};`);
	await page.addScriptTag({ content: [...constants, lines].join('\n') });
	// A server notices the end of a WebSocket at once, but not of a client that polls.
	await page.waitForFunction(`socket.connected && socket.io.engine.transport.name === 'websocket'`);
	return {
		mailbox,
		run: (code) => page.evaluate(`{ ${code} }`),
		close: () => page.close(),
	};
};
