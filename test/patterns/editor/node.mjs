import { ChangeSet, Text } from '@codemirror/state';
import { Server } from 'socket.io';

const io = new Server(process.env.PORT);
const updates = [];
let doc = Text.of(['Start document']);
const pending = [];

io.on('connection', (socket) => {
	socket.on('getDocument', (ack) => ack(updates.length, doc.toString()));

	// A pull at the newest version is acknowledged by the next push.
	socket.on('pullUpdates', (version, ack) => {
		if (version < updates.length) ack(updates.slice(version));
		else pending.push(() => ack(updates.slice(version)));
	});

	socket.on('pushUpdates', (version, pushed, ack) => {
		if (version !== updates.length) return ack(false);
		for (const update of pushed) {
			doc = ChangeSet.fromJSON(update.changes).apply(doc);
			updates.push(update);
		}
		ack(true);
		for (const reply of pending.splice(0)) reply();
	});
});
