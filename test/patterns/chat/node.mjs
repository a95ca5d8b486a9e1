import { Server } from 'socket.io';

const io = new Server(process.env.PORT);
let numUsers = 0;

io.on('connection', (socket) => {
	socket.on('add user', (username) => {
		if (socket.username !== undefined) return;
		socket.username = username;
		numUsers++;
		socket.emit('login', { numUsers });
		socket.broadcast.emit('user joined', { username, numUsers });
	});

	socket.on('new message', (message) => {
		socket.broadcast.emit('new message', { username: socket.username, message });
	});
	socket.on('typing', () => {
		socket.broadcast.emit('typing', { username: socket.username });
	});
	socket.on('stop typing', () => {
		socket.broadcast.emit('stop typing', { username: socket.username });
	});

	socket.on('disconnect', () => {
		if (socket.username === undefined) return;
		numUsers--;
		socket.broadcast.emit('user left', { username: socket.username, numUsers });
	});
});
