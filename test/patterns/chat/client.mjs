// Socket.IO's official chat: names, messages, typing, and the number of users.

import { equal } from '../lib/visitor.js';

export default async function run({ visit }) {
	const ada = await visit('ada');
	ada.emit('add user', 'Ada');
	await ada.expect('login', { numUsers: 1 });
	ada.emit('add user', 'Ada again'); // the first name stays, and no event is emitted

	const alan = await visit('alan');
	alan.emit('add user', 'Alan');
	await alan.expect('login', { numUsers: 2 });
	await ada.expect('user joined', { username: 'Alan', numUsers: 2 });

	const reader = await visit('reader'); // reads without a name, and does not count
	ada.emit('typing');
	ada.emit('new message', '<b>"hello"</b> ☕');
	ada.emit('stop typing');
	for (const other of [alan, reader]) {
		await other.expect('typing', { username: 'Ada' });
		await other.expect('new message', { username: 'Ada', message: '<b>"hello"</b> ☕' });
		await other.expect('stop typing', { username: 'Ada' });
	}

	// Forty join at once: each member sees 3, 4 … 42, each once, in order.
	const crowd = await Promise.all(Array.from({ length: 40 }, (_, i) => visit(`crowd ${i}`)));
	for (const [i, member] of crowd.entries()) member.emit('add user', `crowd ${i}`);
	const seen = [];
	for (let n = 3; n <= 42; n++) {
		const [event, { username, numUsers }] = await ada.next();
		equal([event, numUsers], ['user joined', n]);
		seen.push(username);
		for (const other of [alan, reader]) await other.expect('user joined', { username, numUsers: n });
	}
	equal(seen.toSorted(), crowd.map((_, i) => `crowd ${i}`).toSorted());
	for (const [i, member] of crowd.entries()) {
		for (const [j, username] of seen.entries()) {
			if (username === `crowd ${i}`) await member.expect('login', { numUsers: j + 3 });
			else await member.expect('user joined', { username, numUsers: j + 3 });
		}
	}

	for (const member of crowd) member.leave();
	for (let n = 41; n >= 2; n--) {
		const [event, { username, numUsers }] = await ada.next();
		equal([event, numUsers], ['user left', n]);
		for (const other of [alan, reader]) await other.expect('user left', { username, numUsers: n });
	}
	reader.leave(); // without a trace
	alan.leave();
	await ada.expect('user left', { username: 'Alan', numUsers: 1 });
}
