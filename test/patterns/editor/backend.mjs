import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { ChangeSet, Text } from '@codemirror/state';

const updates = [];
let doc = Text.of(['Start document']);
const pending = [];

createServer(async (request, response) => {
	const { event, args: [version, pushed] } = await json(request);
	const ack = (...args) => response.end(JSON.stringify({ ack: args }));

	if (event === 'getDocument') return ack(updates.length, doc.toString());

	// A pull at the newest version is acknowledged by the next push.
	if (event === 'pullUpdates') {
		if (version < updates.length) return ack(updates.slice(version));
		return pending.push(() => ack(updates.slice(version)));
	}

	if (version !== updates.length) return ack(false);
	for (const update of pushed) {
		doc = ChangeSet.fromJSON(update.changes).apply(doc);
		updates.push(update);
	}
	ack(true);
	for (const reply of pending.splice(0)) reply();
}).listen(process.env.PORT, '127.0.0.1');
