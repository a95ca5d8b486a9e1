// The page draws the state of the chat, and passes typed text on to it. The text of
// people reaches the document as text only, never as markup.

import { Chat, clients } from './chat.js';
import { How } from './how.js';

const $ = (id) => document.getElementById(id);
const animals = ['Otter', 'Heron', 'Lynx', 'Marten', 'Plover', 'Badger', 'Wren', 'Stoat', 'Ibex', 'Teal'];
const colours = ['Amber', 'Blue', 'Copper', 'Green', 'Ivory', 'Plum', 'Russet', 'Silver', 'Teal', 'Violet'];
const oneOf = (list) => list[Math.floor(Math.random() * list.length)];

// A tab keeps its name, and a new one starts with the last name used.
function keptName() {
	return sessionStorage.name || localStorage.name || `${oneOf(colours)} ${oneOf(animals)}`;
}

function keepName(name) {
	sessionStorage.name = name;
	localStorage.name = name;
}

function element(tag, className, text) {
	const e = document.createElement(tag);
	if (className) e.className = className;
	if (text !== undefined) e.textContent = text;
	return e;
}

function load(src) {
	return new Promise((resolve, reject) => {
		const script = element('script');
		script.src = src;
		script.onload = resolve;
		script.onerror = () => reject(new Error(`${src} did not load`));
		document.head.append(script);
	});
}

// A colour for a person, the same in every window.
function hue(id) {
	let sum = 0;
	for (const c of id) sum = (sum * 31 + c.codePointAt(0)) % 360;
	return sum;
}

// The first letter of a name, or its first emoji.
function initial(name) {
	const [first] = new Intl.Segmenter().segment(name.trim() || '?');
	return first.segment.toUpperCase();
}

// A face only repeats the name beside it.
function face(id, name) {
	const e = element('span', 'face', initial(name));
	e.style.setProperty('--hue', hue(id));
	e.setAttribute('aria-hidden', 'true');
	return e;
}

function version(client) {
	return element('span', 'version', client);
}

function item(key, parts, { current, count, onclick, title }) {
	const li = element('li');
	li.dataset.key = key; // two people may have the same name
	const button = element('button');
	button.type = 'button';
	button.title = title ?? '';
	button.append(...parts);
	if (current) button.setAttribute('aria-current', 'true');
	if (count) {
		const badge = element('span', 'badge', String(count));
		badge.append(element('span', 'hidden', ' unread'));
		button.append(badge);
	}
	button.addEventListener('click', onclick);
	li.append(button);
	return li;
}

function drawTalks(chat) {
	let unread = 0;
	redraw('rooms', [...chat.talks].map(([key, talk]) => {
		unread += talk.unread;
		return item(key, [element('span', 'label', key[0] + talk.title)], {
			current: key === chat.current,
			count: talk.unread,
			onclick: () => {
				chat.open(key, talk.title);
				showTalk();
			},
		});
	}));
	$('unread').hidden = !unread;
	$('unread').textContent = String(unread);
	document.title = (unread ? `(${unread}) ` : '') + 'Rooms in Caddy';
}

function drawPeople(chat) {
	const others = [...(chat.talk?.people ?? [])].filter((id) => id !== chat.id);
	const self = element('li', 'self');
	self.append(face(chat.id, chat.name), element('span', 'label', `${chat.name} (you)`), version(chat.client));
	redraw('people', [self, ...others.map((id) => {
		const name = chat.nameOf(id);
		const parts = [face(id, name), element('span', 'label', name), version(chat.people.get(id)?.client ?? '')];
		return item(id, parts, {
			title: `Say something to ${name} alone`,
			onclick: () => {
				chat.open('@' + id, name);
				showTalk();
			},
		});
	})]);
	$('people').hidden = $('people-title').hidden = chat.talk?.room === undefined;
}

// showMenu shows the rooms and settings in place of the conversation, on a phone.
function showMenu(open) {
	document.body.classList.toggle('menu', open);
	$('menu').setAttribute('aria-expanded', String(open));
}

// showTalk leads to the message field. On a touch screen the field gets no focus, as
// the keyboard would hide the conversation.
function showTalk() {
	showMenu(false);
	if (matchMedia('(hover: hover)').matches) $('text').focus();
	else $('log').focus();
}

// redraw replaces a list where it has changed, and keeps the focus in its place.
function redraw(id, items) {
	const list = $(id);
	const fresh = element('ul');
	fresh.append(...items);
	if (list.innerHTML === fresh.innerHTML) return;
	const focus = [...list.children].findIndex((li) => li.contains(document.activeElement));
	list.replaceChildren(...items);
	if (focus >= 0) list.children[Math.min(focus, items.length - 1)]?.querySelector('button')?.focus();
}

function row(line) {
	const kinds = ['own', 'notice', 'remark'].filter((kind) => line[kind]);
	const li = element('li', kinds.join(' '));
	const time = element('time', '', line.time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }));
	time.dateTime = line.time.toISOString();
	if (line.remark) {
		li.append(element('span', 'text', line.text), time);
		return li;
	}
	li.style.setProperty('--hue', hue(line.id));
	const bubble = element('div', 'bubble');
	bubble.append(element('b', '', line.name), element('span', 'text', line.text), time);
	if (!line.own && !line.notice) li.append(face(line.id, line.name));
	li.append(bubble);
	return li;
}

// follows reports whether the previous line is from the same person, just before.
const follows = (line, last) => Boolean(last) && !line.remark && !last.remark && !line.notice
	&& line.id === last.id && line.name === last.name && line.own === last.own && line.time - last.time < 120_000;

// Rows are kept from one drawing to the next, so that a screen reader reads new
// lines only.
const rows = new WeakMap();

function drawLog(chat) {
	const log = $('log');
	const lines = chat.talk?.lines ?? [];
	const wanted = lines.map((line, i) => {
		if (!rows.has(line)) rows.set(line, row(line));
		const li = rows.get(line);
		li.classList.toggle('pending', Boolean(line.pending));
		li.classList.toggle('failed', Boolean(line.failed));
		li.classList.toggle('again', follows(line, lines[i - 1]));
		return li;
	});
	$('empty').hidden = lines.length > 0;
	$('empty').textContent = hint(chat);
	if (wanted.length === log.children.length && wanted.every((li, i) => li === log.children[i])) return;
	const shown = new Set(wanted);
	for (const li of [...log.children]) if (!shown.has(li)) li.remove();
	for (const li of wanted) if (li.parentNode !== log) log.append(li);
	scrollToEnd();
}

// scrollToEnd shows the newest line. It does so too when the log changes its size: the
// window turns, a keyboard or the drawer opens.
function scrollToEnd() {
	$('log').scrollTop = $('log').scrollHeight;
}

// The hint in a room without messages.
function hint(chat) {
	const talk = chat.talk;
	if (!talk) return 'You are in no room. Join one, of any name: it is there as soon as somebody is in it.';
	if (talk.room === undefined) return `What you say here reaches ${talk.title} alone.`;
	return 'Nobody has said anything since you came. Open this page in another window, with another client, or paste the line below into a terminal.';
}

function drawTalk(chat) {
	const talk = chat.talk;
	const out = chat.state === 'signed out';
	$('title').textContent = talk ? chat.current[0] + talk.title : 'No room';
	$('count').textContent = talk?.room === undefined ? '' : `${talk.people.size} here`;
	$('leave').hidden = !talk;
	$('leave').textContent = talk?.room === undefined ? 'Close' : 'Leave';
	const able = Boolean(talk) && !talk.gone && !out;
	$('text').disabled = $('send').disabled = !able;
	$('text').placeholder = able ? `Say something to ${chat.current[0] + talk.title}` : 'Nobody is here to read it';
	if (out) $('text').placeholder = 'You are signed out';
	const typing = [...(talk?.typing.keys() ?? [])].map((id) => chat.nameOf(id));
	$('typing').textContent = typing.length ? `${typing.join(', ')} ${typing.length > 1 ? 'are' : 'is'} typing…` : '';
	drawLog(chat);
}

function drawStatus(chat) {
	const status = $('status');
	const transport = chat.state === 'connected' && chat.transport ? ` over ${chat.transport}` : '';
	const said = chat.state === 'signed out' ? chat.state : chat.state + (transport || '…');
	if (status.textContent !== said) status.textContent = said;
	status.dataset.state = chat.state;
	$('switch').textContent = chat.state === 'signed out' ? 'Come back' : 'Sign out';
	$('switch').disabled = chat.state !== 'connected' && chat.state !== 'signed out';
}

// A line for a POSIX shell: inside '…' only the quote itself needs care.
function drawCurl(chat) {
	const room = chat.talk?.room ?? chat.rooms[0] ?? 'lobby';
	const body = { namespace: '/chat', to: ['room:' + room], event: 'notice', args: [room, 'Hello from a terminal'] };
	const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
	$('curl').value = 'curl -X POST http://localhost:2019/socketio/emit'
		+ ` -H 'Content-Type: application/json' -d '${quoted}'`;
}

function draw(chat, how) {
	drawTalks(chat);
	drawPeople(chat);
	drawTalk(chat);
	drawStatus(chat);
	drawCurl(chat);
	how.draw();
}

function listen(chat) {
	const typed = (form, input, use) => $(form).addEventListener('submit', (event) => {
		event.preventDefault();
		const value = $(input).value.trim();
		if (value) use(value);
	});
	typed('join', 'room', (room) => {
		chat.join(room);
		$('room').value = '';
		showTalk();
	});
	typed('say', 'text', (what) => {
		if (!chat.talk) return;
		chat.say(what);
		$('text').value = '';
	});
	typed('rename', 'name', (name) => {
		keepName(name);
		chat.rename(name);
	});
	$('name').addEventListener('change', () => $('rename').requestSubmit());
	$('text').addEventListener('input', () => chat.typed());
	new ResizeObserver(scrollToEnd).observe($('log'));
	$('menu').addEventListener('click', () => showMenu(!document.body.classList.contains('menu')));
	document.addEventListener('keydown', (event) => {
		if (event.key !== 'Escape' || !document.body.classList.contains('menu')) return;
		showMenu(false);
		$('menu').focus();
	});
	$('leave').addEventListener('click', () => chat.close(chat.current));
	$('switch').addEventListener('click', () => chat.toggle());
	$('curl').addEventListener('focus', () => $('curl').select());
	$('copy').addEventListener('click', async () => {
		try {
			await navigator.clipboard.writeText($('curl').value);
			$('copy').textContent = 'Copied';
		} catch {
			$('curl').focus(); // no clipboard here: it is selected to be copied by hand
			$('copy').textContent = 'Selected';
		}
		setTimeout(() => ($('copy').textContent = 'Copy'), 1500);
	});
}

async function start() {
	const asked = new URLSearchParams(location.search).get('client');
	const client = document.querySelector(`[data-client="${asked in clients ? asked : 4}"]`);
	client.setAttribute('aria-current', 'page');
	const name = keptName();
	keepName(name);
	$('name').value = name;

	await load(clients[client.dataset.client]);
	const chat = new Chat(window.io, { name, client: client.textContent, rooms: ['lobby'] });
	const how = new How(chat.wire);
	let drawing = false;
	chat.addEventListener('change', () => {
		if (drawing) return;
		drawing = true;
		queueMicrotask(() => {
			drawing = false;
			draw(chat, how);
		});
	});
	listen(chat);
	draw(chat, how);
}

start().catch((error) => {
	$('status').textContent = error.message;
	$('status').dataset.state = 'signed out';
});
