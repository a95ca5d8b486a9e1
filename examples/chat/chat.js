// The state of the chat, and the events that it exchanges with the server. The page
// listens to "change", which is fired after every event with an effect.

import { Wire } from './wire.js';

// Each release line of the official client, as a file beside this page.
export const clients = {
	2: 'clients/socket.io-2.5.0.js',
	3: 'clients/socket.io-3.1.3.js',
	4: 'clients/socket.io-4.8.4.js',
};

const kept = 200; // lines of a conversation that are shown
const typingFor = 2500; // ms that one "typing" event is shown

// Names and texts come from other people's clients: only text passes, without the
// marks that turn the text around it.
const text = (value) => (typeof value === 'string' ? value.slice(0, 2000).replace(/[\u202a-\u202e\u2066-\u2069]/g, '') : '');

// nameOf returns the name that people use for a room.
const nameOf = (room) => text(room).replace(/^room:/, '');

export class Chat extends EventTarget {
	id = '';
	state = 'connecting';
	// Conversations by key: "#room" or "@id" of the person talked to.
	talks = new Map();
	current = '';
	people = new Map(); // name and client by id

	#me; // name and client, sent on connecting
	#socket;
	#rooms;
	#lost = false; // the connection, against our will
	#ids = new Set(); // that this page had

	constructor(io, { name, client, rooms }) {
		super();
		this.#me = { name, client };
		this.#rooms = new Set(rooms);
		for (const room of rooms) this.#talk('#' + room, room);
		this.current = '#' + rooms[0];

		// Clients of version 2 have no auth: their query has the values.
		const socket = io('/chat', { auth: this.#me, query: this.#me });
		this.#socket = socket;
		this.wire = new Wire(socket, () => this.#changed());
		socket.on('connect', () => this.#connected());
		socket.on('disconnect', (reason) => this.#disconnected(reason));
		socket.on('connect_error', () => this.#set('reconnecting'));
		socket.io.on('reconnect_attempt', () => this.#set('reconnecting'));

		this.#on('welcome', (id) => this.#ids.add((this.id = text(id))));
		this.#on('joined', (member, room) => this.#joined(nameOf(room), member));
		this.#on('left', (member, room) => this.#left(nameOf(room), text(member?.key)));
		this.#on('renamed', (id, name) => this.#renamed(text(id), text(name)));
		this.#on('said', (room, id, name, what, time) => this.#said(text(room), text(id), text(name), text(what), text(time)));
		this.#on('whispered', (id, name, what) => this.#whispered(text(id), text(name), text(what)));
		this.#on('typing', (room, id) => this.#typing(text(room), text(id)));
		this.#on('notice', (room, what) => this.#note(text(room), text(what)));
	}

	get name() {
		return this.#me.name;
	}

	get client() {
		return this.#me.client;
	}

	get rooms() {
		return [...this.#rooms];
	}

	get talk() {
		return this.talks.get(this.current);
	}

	// transport is the name of the transport in use, or nothing.
	get transport() {
		return this.#socket.io.engine?.transport?.name ?? '';
	}

	open(key, title) {
		this.#talk(key, title);
		this.current = key;
		this.talk.unread = 0;
		this.#changed();
	}

	close(key) {
		const talk = this.talks.get(key);
		if (!talk) return;
		this.talks.delete(key);
		if (talk.room !== undefined) {
			this.#rooms.delete(talk.room);
			this.#emit('leave room', talk.room);
		}
		this.current = this.talks.keys().next().value ?? '';
		this.#changed();
	}

	join(room) {
		const known = this.#rooms.has(room);
		this.#rooms.add(room);
		this.open('#' + room, room);
		if (!known) this.#enterRoom(room);
	}

	// nameOf returns the name of a person.
	nameOf(id) {
		return this.people.get(id)?.name || 'somebody';
	}

	rename(name) {
		this.#me.name = name;
		this.#emit('rename', name, () => this.#changed());
		this.#changed();
	}

	// say sends the typed text to the current room or person.
	say(what) {
		const talk = this.talk;
		const line = this.#add(talk, { id: this.id, name: this.name, text: what, own: true, pending: true });
		talk.typed = 0;
		const done = (answer) => {
			line.pending = false;
			line.failed = answer !== 'ok';
			this.#changed();
		};
		if (talk.room !== undefined) this.#socket.emit('say', talk.room, what, done);
		else this.#socket.emit('say to someone', talk.id, what, done);
		this.#changed();
	}

	typed() {
		const talk = this.talk;
		const now = Date.now();
		if (talk?.room === undefined || now - talk.typed < 1000) return;
		talk.typed = now;
		this.#emit('typing', talk.room);
	}

	// toggle signs out or in.
	toggle() {
		if (this.#socket.connected) this.#emit('sign out');
		else {
			this.#set('connecting');
			this.#socket.connect();
			this.wire.watch();
		}
	}

	#on(event, handle) {
		this.#socket.on(event, (...args) => {
			handle(...args);
			this.#changed();
		});
	}

	// Without a connection nothing is sent: the client sends rooms and name when it
	// connects.
	#emit(event, ...args) {
		if (this.#socket.connected) this.#socket.emit(event, ...args);
	}

	#connected() {
		if (this.#lost) for (const talk of this.talks.values()) this.#remark(talk, 'Connected again');
		this.#lost = false;
		this.state = 'connected';
		for (const room of this.#rooms) this.#enterRoom(room);
		// The upgrade to WebSocket comes a moment after the connection.
		this.#socket.io.engine.once('upgrade', () => this.#changed());
		this.#changed();
	}

	#disconnected(reason) {
		const over = reason === 'io server disconnect' || reason === 'io client disconnect';
		this.#lost = !over;
		for (const talk of this.talks.values()) {
			talk.people.clear();
			if (!over) this.#remark(talk, 'The connection is lost. What you say now is sent when it is back');
		}
		this.#set(over ? 'signed out' : 'reconnecting');
	}

	#enterRoom(room) {
		this.#emit('join room', room, (members) => {
			if (Array.isArray(members)) {
				this.talks.get('#' + room)?.people.clear(); // authors of earlier messages may be gone
				for (const member of members) this.#meet(room, member);
			}
			this.#changed();
		});
	}

	// meet adds a member to a room, and returns its id.
	#meet(room, member) {
		const id = text(member?.key);
		this.#enter(room, id, text(member?.data?.name), text(member?.data?.client));
		return id;
	}

	#joined(room, member) {
		const id = this.#meet(room, member);
		this.#remark(this.talks.get('#' + room), `${this.nameOf(id)} came in`);
	}

	#enter(room, id, name, client = this.people.get(id)?.client) {
		this.people.set(id, { name, client });
		this.talks.get('#' + room)?.people.add(id);
		const whispers = this.talks.get('@' + id);
		if (whispers) whispers.gone = false;
	}

	// left removes a member from a room. Nothing is known of a person in no common room.
	#left(room, id) {
		const talk = this.talks.get('#' + room);
		if (talk?.people.delete(id)) this.#remark(talk, `${this.nameOf(id)} left`);
		const talks = [...this.talks.values()];
		if (talks.some(({ people }) => people.has(id))) return;
		const whispers = this.talks.get('@' + id);
		if (whispers && !whispers.gone) this.#remark(whispers, `${this.nameOf(id)} is gone`);
		if (whispers) whispers.gone = true;
		this.people.delete(id);
	}

	#renamed(id, name) {
		this.people.set(id, { ...this.people.get(id), name });
		const whisper = this.talks.get('@' + id);
		if (whisper) whisper.title = name;
	}

	// said adds a message. Messages of the room's history are here already, if the page was in
	// the room before.
	#said(room, id, name, what, sent) {
		const talk = this.talks.get('#' + room);
		if (!talk || this.#ids.has(id) || talk.lines.some((l) => l.id === id && l.sent === sent && l.text === what)) return;
		this.#enter(room, id, name);
		talk.typing.delete(id);
		this.#add(talk, { id, name, text: what, sent });
	}

	#whispered(id, name, what) {
		this.people.set(id, { ...this.people.get(id), name });
		const talk = this.#talk('@' + id, name);
		talk.gone = false;
		this.#add(talk, { id, name, text: what });
	}

	#note(room, what) {
		const talk = this.talks.get('#' + room);
		if (talk) this.#add(talk, { id: '', name: 'notice', text: what, notice: true });
	}

	#typing(room, id) {
		const talk = this.talks.get('#' + room);
		if (!talk) return;
		clearTimeout(talk.typing.get(id));
		talk.typing.set(id, setTimeout(() => {
			talk.typing.delete(id);
			this.#changed();
		}, typingFor));
	}

	#talk(key, title) {
		let talk = this.talks.get(key);
		if (!talk) {
			talk = { title, lines: [], people: new Set(), typing: new Map(), typed: 0, unread: 0 };
			if (key[0] === '#') talk.room = key.slice(1);
			else talk.id = key.slice(1);
			this.talks.set(key, talk);
		}
		return talk;
	}

	#add(talk, line) {
		line.time = line.sent ? new Date(Number(line.sent)) : new Date();
		talk.lines.push(line);
		if (talk.lines.length > kept) talk.lines.shift();
		if (talk !== this.talk) talk.unread++;
		return line;
	}

	// remark adds a line about an event, which does not count as unread.
	#remark(talk, what) {
		if (!talk) return;
		const unread = talk.unread;
		this.#add(talk, { id: '', name: '', text: what, remark: true });
		talk.unread = unread;
	}

	#set(state) {
		this.state = state;
		this.#changed();
	}

	#changed() {
		this.dispatchEvent(new Event('change'));
	}
}
