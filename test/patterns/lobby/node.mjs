import { randomUUID } from 'node:crypto';
import { Server } from 'socket.io';

const io = new Server(process.env.PORT);
const lobbies = new Map();

const announce = (lobby) => io.to(lobby.code).emit('lobby', lobby);

function enter(socket, lobby, name, ack) {
	lobby.players.push({ id: socket.id, name, ready: false });
	socket.data.lobby = lobby;
	socket.join(lobby.code);
	announce(lobby);
	ack({ code: lobby.code });
}

function leave(socket) {
	const { lobby } = socket.data;
	if (!lobby) return;
	delete socket.data.lobby;
	socket.leave(lobby.code);
	lobby.players = lobby.players.filter(({ id }) => id !== socket.id);
	if (lobby.players.length === 0) return lobbies.delete(lobby.code);
	if (lobby.host === socket.id) lobby.host = lobby.players[0].id;
	announce(lobby);
}

io.on('connection', (socket) => {
	socket.on('create', (name, size, ack) => {
		if (socket.data.lobby) return ack({ error: 'you are in a lobby' });
		const lobby = { code: randomUUID(), size, host: socket.id, started: false, players: [] };
		lobbies.set(lobby.code, lobby);
		enter(socket, lobby, name, ack);
	});

	socket.on('join', (code, name, ack) => {
		const lobby = lobbies.get(code);
		if (socket.data.lobby) return ack({ error: 'you are in a lobby' });
		if (!lobby) return ack({ error: 'no such lobby' });
		if (lobby.started) return ack({ error: 'started' });
		if (lobby.players.length >= lobby.size) return ack({ error: 'full' });
		enter(socket, lobby, name, ack);
	});

	socket.on('ready', (ready) => {
		const { lobby } = socket.data;
		if (!lobby) return;
		lobby.players.find(({ id }) => id === socket.id).ready = ready;
		announce(lobby);
	});

	socket.on('start', (ack) => {
		const { lobby } = socket.data;
		if (lobby?.host !== socket.id) return ack({ error: 'only the host starts' });
		if (!lobby.players.every(({ ready }) => ready)) return ack({ error: 'not everyone is ready' });
		lobby.started = true;
		announce(lobby);
		ack({ started: true });
	});

	socket.on('kick', (id, ack) => {
		const { lobby } = socket.data;
		const player = io.sockets.sockets.get(id);
		if (lobby?.host !== socket.id) return ack({ error: 'only the host kicks' });
		if (player?.data.lobby !== lobby) return ack({ error: 'no such player' });
		player.emit('kicked');
		leave(player);
		ack({ kicked: id });
	});

	socket.on('leave', () => leave(socket));
	socket.on('disconnect', () => leave(socket));
});
