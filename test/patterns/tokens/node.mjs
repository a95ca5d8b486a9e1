import { setTimeout } from 'node:timers/promises';
import { Server } from 'socket.io';

const io = new Server(process.env.PORT);

// A model that repeats the prompt, word by word.
async function* generate(prompt, signal) {
	for (const word of prompt.split(' ')) {
		await setTimeout(2, null, { signal });
		yield word;
	}
}

io.on('connection', (socket) => {
	let controller = new AbortController();

	socket.on('ask', async (prompt, ack) => {
		controller = new AbortController();
		try {
			for await (const token of generate(prompt, controller.signal)) socket.emit('token', token);
			ack({ done: true });
		} catch {
			ack({ error: 'canceled' });
		}
	});

	socket.on('stop', () => controller.abort());
	socket.on('disconnect', () => controller.abort());
});
