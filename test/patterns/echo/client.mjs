// Laravel Echo, unchanged, with its Socket.IO connector: public, private and presence
// channels, broadcasts of the application, whispers.

import Echo from 'laravel-echo';
import { io } from 'socket.io-client';
import { withDeadline } from '../../e2e/lib/time.js';

const options = { broadcaster: 'socket.io', client: io, transports: ['websocket'], forceNew: true };

export default async function run({ url, after, openMailbox }) {
	// open returns an Echo, and the mailbox for everything that it is notified of.
	async function open(name, bearerToken) {
		const echo = new Echo({ ...options, host: url, bearerToken, auth: { headers: {} } });
		after(() => echo.disconnect());
		const socket = echo.connector.socket;
		await withDeadline(new Promise((resolve) => socket.once('connect', resolve)), `connect of ${name}`);
		const mailbox = openMailbox(name);
		socket.on('subscription_error', (channel, status) => channel.includes('fence') || mailbox.record('refused', channel, status));
		return { echo, mailbox, on: (event) => (data) => mailbox.record(event, data), expect: (...event) => mailbox.expect(...event) };
	}

	// settle waits until the server has handled everything that an Echo has sent. Only the
	// subscription of a presence channel has a reply.
	let fences = 0;
	async function settle({ echo }) {
		const name = `fence.${++fences}`;
		await withDeadline(new Promise((resolve) => {
			echo.join(name).here(resolve);
			echo.connector.socket.once('subscription_error', resolve);
		}), name);
	}

	async function broadcast(channel, event, data, socket) {
		const body = JSON.stringify({ channel, event, data, socket });
		const response = await fetch(`${url}/broadcast`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
		if (!response.ok) throw new Error(`broadcast: ${response.status}`);
	}

	const [ada, alan, guest] = [await open('ada', 'ada'), await open('alan', 'alan'), await open('guest')];
	const all = [ada, alan, guest];

	// A public channel, for all.
	for (const one of all) {
		one.echo.channel('news').listen('.published', one.on('published')).listen('OrderShipped', one.on('shipped'));
		await settle(one);
	}
	await broadcast('news', 'published', { title: 'hello' });
	await broadcast('news', 'App\\Events\\OrderShipped', { order: 7 });
	for (const one of all) {
		await one.expect('published', { title: 'hello' });
		await one.expect('shipped', { order: 7 });
	}
	await broadcast('news', 'published', { title: 'to others' }, ada.echo.socketId());
	for (const one of [alan, guest]) await one.expect('published', { title: 'to others' });

	// Private channels: each user has one, and a guest has none.
	for (const [one, channel] of [[ada, 'orders.1'], [alan, 'orders.1'], [guest, 'orders.1'], [alan, 'orders.2']]) {
		one.echo.private(channel).listen('.paid', one.on(`${channel} paid`));
		await settle(one);
	}
	for (const one of [alan, guest]) await one.expect('refused', 'private-orders.1', 403);
	await broadcast('private-orders.1', 'paid', { euro: 5 });
	await broadcast('private-orders.2', 'paid', { euro: 9 });
	await ada.expect('orders.1 paid', { euro: 5 });
	await alan.expect('orders.2 paid', { euro: 9 });

	// A presence channel lists its members, in any order, and announces them. Two tabs are
	// one member.
	const enter = ({ echo, on }) => echo.join('chat')
		.here((members) => on('here')(members.sort((a, b) => a.name.localeCompare(b.name)))).joining(on('joining')).leaving(on('leaving')).listenForWhisper('typing', on('typing'));
	const [adaInfo, alanInfo] = [{ name: 'Ada' }, { name: 'Alan' }];
	enter(ada);
	await ada.expect('here', [adaInfo]);
	enter(alan);
	await alan.expect('here', [adaInfo, alanInfo]);
	await ada.expect('joining', alanInfo);
	const tab = await open('tab', 'ada');
	enter(tab);
	await tab.expect('here', [adaInfo, alanInfo]);
	enter(guest);
	await guest.expect('refused', 'presence-chat', 403);

	// Whispers reach the other members. The sender must be in the channel.
	alan.echo.join('chat').whisper('typing', alanInfo);
	for (const one of [ada, tab]) await one.expect('typing', alanInfo);
	guest.echo.join('chat').whisper('typing', { name: 'Eve' });
	guest.echo.connector.socket.emit('client event', { channel: 'news', event: 'client-typing', data: 1 });
	alan.echo.connector.socket.emit('client event', { channel: 'presence-chat', event: 'presence:leaving', data: 1 });
	for (const one of [guest, alan]) await settle(one);

	tab.echo.leave('chat');
	await settle(tab); // ada has another tab
	ada.echo.disconnect();
	await alan.expect('leaving', adaInfo);
	enter(tab);
	await tab.expect('here', [adaInfo, alanInfo]);
	await alan.expect('joining', adaInfo);
	alan.echo.leave('chat');
	await tab.expect('leaving', alanInfo);

	// A channel that was left is silent.
	alan.echo.leave('news');
	await settle(alan);
	await broadcast('news', 'published', { title: 'bye' });
	await guest.expect('published', { title: 'bye' });
}
