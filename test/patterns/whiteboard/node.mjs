import { Server } from 'socket.io';

const io = new Server(process.env.PORT);

io.on('connection', (socket) => {
	socket.on('drawing', (data) => socket.broadcast.emit('drawing', data));
});
