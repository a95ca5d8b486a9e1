// The server in Node.js: the same events, in the same rooms.

import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

const { PORT = '8083', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env;

const publisher = createClient({ url: REDIS_URL });
const subscriber = publisher.duplicate();
for (const client of [publisher, subscriber]) client.on('error', (error) => console.error('redis:', error.message));
await Promise.all([publisher.connect(), subscriber.connect()]);

const server = createServer();
const io = new Server(server, { adapter: createAdapter(publisher, subscriber) });
io.on('connection', (socket) => {
	socket.on('join', (room, ack) => {
		socket.join(room);
		ack(`Node.js on ${PORT}`);
	});
	socket.on('say', (room, what, ack) => {
		socket.to(room).emit('said', what, `Node.js on ${PORT}`);
		ack();
	});
});
server.listen(PORT, '127.0.0.1', () => console.log(`Socket.IO on http://127.0.0.1:${PORT}`));
