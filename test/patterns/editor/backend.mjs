import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { ChangeSet, Text } from '@codemirror/state';

const updates = [];
let doc = Text.of(['Start document']);
const pushes = new EventEmitter().setMaxListeners(0);

createServer(async (request, response) => {
	const { event, args: [version, pushed] } = await json(request);
	const ack = (...args) => response.end(JSON.stringify({ ack: args }));

	if (event === 'getDocument') return ack(updates.length, doc.toString());

	// A pull at the newest version waits for the next push, for 8 seconds at most.
	if (event === 'pullUpdates' && version === updates.length) await once(pushes, 'push', { signal: AbortSignal.timeout(8000) }).catch(() => {});
	if (event === 'pullUpdates') return ack(updates.slice(version));

	if (version !== updates.length) return ack(false);
	for (const { changes } of pushed) doc = ChangeSet.fromJSON(changes).apply(doc);
	updates.push(...pushed);
	ack(true);
	pushes.emit('push');
}).listen(process.env.PORT, '127.0.0.1');
