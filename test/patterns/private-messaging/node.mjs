import { randomUUID } from 'node:crypto';
import { Server } from 'socket.io';

const io = new Server(process.env.PORT);
const sessions = new Map();

io.use((socket, next) => {
	const { sessionID, username } = socket.handshake.auth;
	const session = sessions.get(sessionID);
	if (!session && !username) return next(new Error('invalid username'));
	socket.data = session ?? { sessionID: randomUUID(), userID: randomUUID(), username };
	next();
});

io.on('connection', (socket) => {
	const { sessionID, userID, username } = socket.data;
	socket.data.connected = true;
	sessions.set(sessionID, socket.data);
	socket.join(userID);

	socket.emit('session', { sessionID, userID });
	socket.emit('users', [...sessions.values()].map(({ userID, username, connected }) => ({ userID, username, connected })));
	socket.broadcast.emit('user connected', { userID, username, connected: true });

	socket.on('private message', ({ content, to }) => {
		socket.to(to).to(userID).emit('private message', { content, from: userID, to });
	});

	socket.on('disconnect', async () => {
		if ((await io.in(userID).fetchSockets()).length > 0) return;
		socket.data.connected = false;
		socket.broadcast.emit('user disconnected', userID);
	});
});
