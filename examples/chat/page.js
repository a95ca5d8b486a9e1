// The page: draws what the chat knows, and hands what is typed to it. What
// people wrote reaches the document as text only, never as markup.

import { Chat, clients } from './chat.js';

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

function item(label, { current, count, onclick, title }) {
	const li = element('li');
	const button = element('button', '', label);
	button.type = 'button';
	button.title = title ?? '';
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
	$('rooms').replaceChildren(...[...chat.talks].map(([key, talk]) => item(key[0] + talk.title, {
		current: key === chat.current,
		count: talk.unread,
		onclick: () => {
			chat.open(key, talk.title);
			$('text').focus();
		},
	})));
}

function drawPeople(chat) {
	const others = [...(chat.talk?.people ?? [])].filter((id) => id !== chat.id);
	const self = element('li', 'self', `${chat.name} (you)`);
	$('people').replaceChildren(self, ...others.map((id) => {
		const name = chat.names.get(id) || 'somebody';
		const li = item(name, {
			title: `Say something to ${name} alone`,
			onclick: () => {
				chat.open('@' + id, name);
				$('text').focus();
			},
		});
		li.style.setProperty('--hue', hue(id));
		return li;
	}));
}

function row(line) {
	const li = element('li', [line.own && 'own', line.notice && 'notice', line.pending && 'pending'].filter(Boolean).join(' '));
	li.style.setProperty('--hue', hue(line.id));
	const time = element('time', '', line.time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }));
	time.dateTime = line.time.toISOString();
	li.append(element('b', '', line.name), element('span', 'text', line.text), time);
	return li;
}

// Rows are kept from one drawing to the next, so that a screen reader hears a
// new line alone.
const rows = new WeakMap();

function drawLog(chat) {
	const log = $('log');
	const lines = chat.talk?.lines ?? [];
	const wanted = lines.map((line) => {
		if (!rows.has(line)) rows.set(line, row(line));
		const li = rows.get(line);
		li.classList.toggle('pending', Boolean(line.pending));
		return li;
	});
	if (wanted.length === log.children.length && wanted.every((li, i) => li === log.children[i])) return;
	const shown = new Set(wanted);
	for (const li of [...log.children]) if (!shown.has(li)) li.remove();
	for (const li of wanted) if (li.parentNode !== log) log.append(li);
	log.scrollTop = log.scrollHeight;
}

function drawTalk(chat) {
	const talk = chat.talk;
	$('title').textContent = talk ? chat.current[0] + talk.title : 'No room';
	$('leave').hidden = !talk;
	$('leave').textContent = talk?.room === undefined ? 'Close' : 'Leave';
	$('text').disabled = !talk;
	const typing = [...(talk?.typing.keys() ?? [])].map((id) => chat.names.get(id) || 'somebody');
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
	const body = { namespace: '/chat', to: [room], event: 'notice', args: [room, 'Hello from a terminal'] };
	const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
	$('curl').value = 'curl -X POST http://localhost:2019/socketio/emit'
		+ ` -H 'Content-Type: application/json' -d '${quoted}'`;
}

function draw(chat) {
	drawTalks(chat);
	drawPeople(chat);
	drawTalk(chat);
	drawStatus(chat);
	drawCurl(chat);
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
		$('text').focus();
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
	$('leave').addEventListener('click', () => chat.close(chat.current));
	$('switch').addEventListener('click', () => chat.toggle());
	$('copy').addEventListener('click', async () => {
		await navigator.clipboard.writeText($('curl').value);
		$('copy').textContent = 'Copied';
		setTimeout(() => ($('copy').textContent = 'Copy'), 1500);
	});
}

async function start() {
	const asked = new URLSearchParams(location.search).get('client');
	const version = asked in clients ? asked : '4';
	document.querySelector(`[data-client="${version}"]`).setAttribute('aria-current', 'page');
	const name = keptName();
	keepName(name);
	$('name').value = name;

	await load(clients[version]);
	const chat = new Chat(window.io, { name, rooms: ['lobby'] });
	let drawing = false;
	chat.addEventListener('change', () => {
		if (drawing) return;
		drawing = true;
		queueMicrotask(() => {
			drawing = false;
			draw(chat);
		});
	});
	listen(chat);
	draw(chat);
}

start().catch((error) => {
	$('status').textContent = error.message;
	$('status').dataset.state = 'signed out';
});
