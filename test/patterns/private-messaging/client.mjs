// Socket.IO's private messaging: a session survives reloads, a user may have several
// tabs, and a message reaches the tabs of its two users.

import { equal } from '../lib/visitor.js';

export default async function run({ visit }) {
	const stranger = await visit('stranger', { refused: true });
	await stranger.expect('connect_error', 'invalid username');

	const [ada, adaSession] = await enter(visit, 'ada', { username: 'Ada' }, []);
	const me = { userID: adaSession.userID, username: 'Ada', connected: true };
	const [alan, { userID }] = await enter(visit, 'alan', { username: 'Alan' }, [me]);
	const him = { userID, username: 'Alan', connected: true };
	await ada.expect('user connected', him);

	// The session that the client kept brings the same user back: a second tab.
	const [tab] = await enter(visit, 'tab', { sessionID: adaSession.sessionID }, [me, him], adaSession);
	for (const other of [ada, alan]) await other.expect('user connected', me);

	ada.emit('private message', { content: 'hello', to: him.userID });
	for (const other of [alan, tab]) await other.expect('private message', { content: 'hello', from: me.userID, to: him.userID });
	alan.emit('private message', { content: 'hello yourself', to: me.userID });
	for (const other of [ada, tab]) await other.expect('private message', { content: 'hello yourself', from: him.userID, to: me.userID });

	tab.leave(); // the user has another tab
	ada.leave();
	await alan.expect('user disconnected', me.userID);
	const [again] = await enter(visit, 'ada again', { sessionID: adaSession.sessionID }, [me, him], adaSession);
	await alan.expect('user connected', me);

	alan.leave();
	await again.expect('user disconnected', him.userID);
	const [, grace] = await enter(visit, 'grace', { sessionID: 'unknown', username: 'Grace' }, [me, { ...him, connected: false }]);
	await again.expect('user connected', { userID: grace.userID, username: 'Grace', connected: true });
}

// enter connects, and checks the session and the list of users.
async function enter(visit, name, auth, others, known) {
	const visitor = await visit(name, { auth });
	const [event, session] = await visitor.next();
	equal(event, 'session');
	equal(Object.keys(session).sort(), ['sessionID', 'userID']);
	if (known) {
		equal(session, known);
		await visitor.expect('users', others);
	} else {
		await visitor.expect('users', [...others, { userID: session.userID, username: auth.username, connected: true }]);
	}
	return [visitor, session];
}
