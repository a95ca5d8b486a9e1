import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

const sessions = new Map();
const publicPart = ({ userID, username, connected }) => ({ userID, username, connected });

function connect({ sessionID, username }) {
	const session = sessions.get(sessionID) ?? { sessionID: randomUUID(), userID: randomUUID(), username };
	if (!session.username) return { error: { message: 'invalid username' } };
	session.connected = true;
	sessions.set(session.sessionID, session);
	return {
		data: session,
		join: [session.userID],
		emit: [
			{ event: 'session', args: [{ sessionID: session.sessionID, userID: session.userID }] },
			{ event: 'users', args: [[...sessions.values()].map(publicPart)] },
			{ event: 'user connected', args: [publicPart(session)], broadcast: true },
		],
	};
}

function vacate(room) {
	for (const session of sessions.values()) if (session.userID === room) session.connected = false;
	return {};
}

createServer(async (request, response) => {
	const { type, room, socket } = await json(request);
	response.end(JSON.stringify(type === 'connect' ? connect(socket.auth) : vacate(room)));
}).listen(process.env.PORT, '127.0.0.1');
