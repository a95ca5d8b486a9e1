import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { Server } from 'socket.io';

// The users and channels of the application.
const users = { 'Bearer ada': { user_id: 1, user_info: { name: 'Ada' } }, 'Bearer alan': { user_id: 2, user_info: { name: 'Alan' } } };
const mayJoin = (user, channel) => channel !== `private-orders.${3 - user.user_id}`;

// The application broadcasts an event, for instance to all but the tab that caused it.
const http = createServer(async (request, response) => {
	const { channel, event, data, socket } = await json(request);
	io.to(channel).except(socket ?? []).emit(event, channel, data);
	response.end();
}).listen(process.env.PORT);

const io = new Server(http);

const membersOf = async (channel) => (await io.in(channel).fetchSockets()).map((socket) => socket.data.user);

io.on('connection', (socket) => {
	socket.on('subscribe', async ({ channel, auth }) => {
		if (!/^(private|presence)-/.test(channel)) return socket.join(channel);
		const user = users[auth.headers.Authorization];
		if (!user || !mayJoin(user, channel)) return socket.emit('subscription_error', channel, 403);
		socket.data.user = user;
		const members = new Map((await membersOf(channel)).map((member) => [member.user_id, member]));
		socket.join(channel);
		if (!channel.startsWith('presence-')) return;
		if (!members.has(user.user_id)) socket.to(channel).emit('presence:joining', channel, user);
		socket.emit('presence:subscribed', channel, [...members.set(user.user_id, user).values()]);
	});

	async function leave(channel) {
		socket.leave(channel);
		if (!channel.startsWith('presence-')) return;
		const members = await membersOf(channel);
		if (members.every(({ user_id }) => user_id !== socket.data.user.user_id)) io.to(channel).emit('presence:leaving', channel, socket.data.user);
	}
	socket.on('unsubscribe', ({ channel }) => socket.rooms.has(channel) && leave(channel));
	socket.on('disconnecting', () => socket.rooms.forEach(leave));

	socket.on('client event', ({ channel, event, data }) => {
		if (event.startsWith('client-') && /^(private|presence)-/.test(channel) && socket.rooms.has(channel)) socket.to(channel).emit(event, channel, data);
	});
});
