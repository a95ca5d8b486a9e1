// Members of rooms, and rooms that become occupied and vacated.

import assert from 'node:assert/strict';
import { connectSocket, emitWithAck, Inbox, kind, kinds } from './lib/clients.js';
import { describeWithCaddy, socketio, test } from './lib/rules.js';

const site = socketio(`
namespace / {
	presence lobby* {
		key   {http.request.uri.query.key}
		data  name
		join  joined
		leave left
		grace 700ms
	}
	on "join lobby" {
		set name {event.args.1}
		join {event.args.0}
		members {event.args.0}
	}
	on "leave lobby" {
		leave {event.args.0}
		ack
	}
	on rename {
		set name {event.args.0}
		ack
	}
	on page {
		members {event.args.0} {
			limit 2
			after {event.args.1}
		}
	}
	on watch {
		join watchers
		ack
	}
	on room_occupied room_vacated lobby* {
		to watchers emit {event.name} {event.room}
	}
	on sync {
		ack
	}
}
`);

const member = (key, name) => ({ key, data: { name } });

describeWithCaddy('presence', site, (caddy) => {
	const connectAs = (t, k, key) => connectSocket(t, k, `${caddy().url}?key=${key}`, { query: { key } });
	let rooms = 0;

	for (const k of kinds) {
		test(`members see each other come and go (${k.name})`, async (t) => {
			const room = `lobby ${++rooms}`;
			const [ada, bob, tab] = await Promise.all(['ada', 'bob', 'bob'].map((key) => connectAs(t, k, key)));
			const [joined, left] = [new Inbox(ada, 'joined'), new Inbox(ada, 'left')];
			assert.deepEqual(await emitWithAck(ada, 'join lobby', room, 'Ada'), [[member('ada', 'Ada')], 1]);
			assert.deepEqual(await emitWithAck(bob, 'join lobby', room, 'Bob'), [[member('ada', 'Ada'), member('bob', 'Bob')], 2]);
			assert.deepEqual(await emitWithAck(tab, 'join lobby', room, 'Tab'), [[member('ada', 'Ada'), member('bob', 'Tab')], 2]);
			tab.close();
			bob.close();
			const again = await connectAs(t, k, 'bob'); // as after a reload of the page
			await emitWithAck(again, 'join lobby', room, 'Bob');
			await emitWithAck(again, 'rename', 'Bobby');
			assert.deepEqual(await emitWithAck(ada, 'page', room, 'ada'), [[member('bob', 'Bobby')], 2]);
			await emitWithAck(again, 'leave lobby', room);
			await left.has(1);
			assert.deepEqual(joined.all, [[member('bob', 'Bob'), room]]);
			assert.deepEqual(left.all, [[member('bob', 'Bobby'), room]]);
			assert.deepEqual(await emitWithAck(ada, 'page', room), [[member('ada', 'Ada')], 1]);
		});
	}

	test('rules run when a room is occupied and vacated', async (t) => {
		const room = `lobby ${++rooms}`;
		const [watcher, a, b] = await Promise.all(['w', 'a', 'b'].map((key) => connectAs(t, kind(4, 'websocket'), key)));
		const [occupied, vacated] = ['room_occupied', 'room_vacated'].map((event) => new Inbox(watcher, event));
		const own = (inbox) => inbox.all.filter(([name]) => name === room).length;
		await emitWithAck(watcher, 'watch');
		await emitWithAck(a, 'join lobby', room);
		await emitWithAck(b, 'join lobby', room);
		await emitWithAck(a, 'leave lobby', room);
		b.close();
		while (own(vacated) === 0) await vacated.has(vacated.all.length + 1);
		assert.deepEqual([own(occupied), own(vacated)], [1, 1]);
	});
});
