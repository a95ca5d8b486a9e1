// A game lobby: create, join until it is full, ready, start, kick, leave, and another
// host when the host is gone.

import { equal } from '../lib/visitor.js';

export default async function run({ visit }) {
	const [ada, alan, grace, linus] = await Promise.all(['ada', 'alan', 'grace', 'linus'].map((name) => visit(name)));
	equal(await ada.ask('join', 'nowhere', 'Ada'), [{ error: 'no such lobby' }]);
	equal(await ada.ask('start'), [{ error: 'only the host starts' }]);

	const [{ code }] = await ada.ask('create', 'Ada', 3);
	const lobby = { code, size: 3, host: ada.id, started: false, players: [] };
	const update = (change, ...players) => Object.assign(lobby, change, {
		players: players.map(([player, name, ready = false]) => ({ id: player.id, name, ready })),
	});
	const announced = async (...members) => {
		for (const member of members) await member.expect('lobby', lobby);
	};
	update({}, [ada, 'Ada']);
	await announced(ada);
	equal(await ada.ask('create', 'Ada', 2), [{ error: 'you are in a lobby' }]);

	equal(await alan.ask('join', code, 'Alan'), [{ code }]);
	update({}, [ada, 'Ada'], [alan, 'Alan']);
	await announced(ada, alan);
	equal(await grace.ask('join', code, 'Grace'), [{ code }]);
	update({}, [ada, 'Ada'], [alan, 'Alan'], [grace, 'Grace']);
	await announced(ada, alan, grace);
	equal(await linus.ask('join', code, 'Linus'), [{ error: 'full' }]);

	equal(await alan.ask('kick', grace.id), [{ error: 'only the host kicks' }]);
	equal(await ada.ask('kick', linus.id), [{ error: 'no such player' }]);
	equal(await ada.ask('kick', grace.id), [{ kicked: grace.id }]);
	await grace.expect('kicked');
	update({}, [ada, 'Ada'], [alan, 'Alan']);
	await announced(ada, alan); // not grace

	equal(await linus.ask('join', code, 'Linus'), [{ code }]);
	update({}, [ada, 'Ada'], [alan, 'Alan'], [linus, 'Linus']);
	await announced(ada, alan, linus);

	// All get ready at once: each member sees the same updates, in the same order.
	for (const player of [ada, alan, linus]) player.emit('ready', true);
	const seen = [await ada.next(), await ada.next(), await ada.next()];
	for (const other of [alan, linus]) for (const update of seen) await other.expect(...update);
	equal(seen.map(([event, { players }]) => [event, players.filter(({ ready }) => ready).length]), [['lobby', 1], ['lobby', 2], ['lobby', 3]]);
	alan.emit('ready', false);
	update({}, [ada, 'Ada', true], [alan, 'Alan'], [linus, 'Linus', true]);
	await announced(ada, alan, linus);
	equal(await ada.ask('start'), [{ error: 'not everyone is ready' }]);

	ada.leave(); // the host's connection is lost
	update({ host: alan.id }, [alan, 'Alan'], [linus, 'Linus', true]);
	await announced(alan, linus);
	alan.emit('ready', true);
	update({}, [alan, 'Alan', true], [linus, 'Linus', true]);
	await announced(alan, linus);
	equal(await linus.ask('start'), [{ error: 'only the host starts' }]);
	equal(await alan.ask('start'), [{ started: true }]);
	update({ started: true }, [alan, 'Alan', true], [linus, 'Linus', true]);
	await announced(alan, linus);
	equal(await grace.ask('join', code, 'Grace'), [{ error: 'started' }]);

	// The lobby closes when its last player leaves.
	alan.emit('leave');
	update({ host: linus.id }, [linus, 'Linus', true]);
	await announced(linus);
	linus.emit('leave');
	equal(await linus.ask('join', code, 'Linus'), [{ error: 'no such lobby' }]);
}
