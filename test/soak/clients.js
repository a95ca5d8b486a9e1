// Official clients of each generation: residents that stay for the whole run, and clients that lose
// their connections again and again. Commands come on stdin: calm, load; its end stops the clients.
// A report goes to stdout each second.

import { createRequire } from 'node:module';
import http from 'node:http';
import { createInterface } from 'node:readline';

const require = createRequire(new URL('../e2e/package.json', import.meta.url));
const versions = { 2: require('socket.io-client-2'), 3: require('socket.io-client-3'), 4: require('socket.io-client-4') };
const transports = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };

const [url, rooms] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: false });
const counts = { Delivered: 0, Acks: 0, Lost: 0, Repeated: 0, Corrupted: 0, LateAcks: 0, Drops: 0, Recovered: 0, Others: 0 };
const complaints = [];
let calm = false;

function complain(text) {
	if (complaints.length < 100) complaints.push(`${new Date().toISOString().slice(11, 19)} ${text}`);
}

function openSocket(version, transport) {
	return versions[version](`${url}/soak`, {
		agent, forceNew: true, transports: transports[transport], reconnectionDelay: 200, reconnectionDelayMax: 1000, timeout: 30000,
	});
}

const jitter = (mean) => mean / 2 + Math.random() * mean;

// checkAttachment mirrors makeAttachment of the Go clients.
function checkAttachment(attachment, number) {
	const bytes = Buffer.from(attachment);
	return bytes.length >= 8 && bytes.readBigUInt64BE() === BigInt(number) && bytes.subarray(8).every((byte, i) => byte === ((number + i + 8) & 255));
}

function makeAttachment(number) {
	const bytes = Buffer.alloc(8 + Math.floor(Math.random() * 3000));
	bytes.writeBigUInt64BE(BigInt(number));
	for (let i = 8; i < bytes.length; i++) bytes[i] = (number + i) & 255;
	return bytes;
}

// Sequence checks that the messages of each sender arrive once and in order.
class Sequence {
	last = {};

	constructor(name) {
		this.name = name;
	}

	check(sender, number, attachment) {
		const last = this.last[sender];
		this.last[sender] = Math.max(number, last ?? 0);
		counts.Delivered++;
		if ((attachment instanceof ArrayBuffer || ArrayBuffer.isView(attachment)) && !checkAttachment(attachment, number)) {
			counts.Corrupted++;
			complain(`${this.name} got a wrong attachment in message ${number} of ${sender}`);
		}
		if (last === undefined || number === last + 1) return;
		if (number > last) counts.Lost += number - last - 1;
		else counts.Repeated++;
		complain(`${this.name} got message ${number} of ${sender} after ${last}`);
	}
}

// call emits an event with an acknowledgement and checks that it comes while the connection lasts.
function call(name, socket, args, done) {
	const { id } = socket;
	const late = setTimeout(() => {
		if (socket.id !== id) return;
		counts.LateAcks++;
		complain(`${name}: no acknowledgement of ${args}`);
	}, 30000);
	socket.emit(...args, () => {
		clearTimeout(late);
		counts.Acks++;
		done?.();
	});
}

class Resident {
	sent = 0;

	constructor(version, transport, number) {
		this.name = `official ${version} ${transport} ${number}`;
		this.room = `room ${number % rooms}`;
		this.sequence = new Sequence(this.name);
		this.socket = openSocket(version, transport);
		this.socket.on('msg', (_room, sender, number, extra) => this.sequence.check(sender, number, extra));
		this.socket.on('question', (reply) => reply('got it'));
		this.socket.on('connect', () => {
			this.sequence.last = {};
			call(this.name, this.socket, ['join', this.room], () => (this.joined = true));
		});
		this.socket.on('disconnect', (reason) => {
			this.joined = false;
			if (stopping) return;
			counts.Drops++;
			complain(`${this.name} lost its connection: ${reason}`);
		});
		this.#emitNext();
	}

	#emitNext() {
		setTimeout(() => {
			if (this.joined && !calm) this.#emitMessage();
			if (!stopping) this.#emitNext();
		}, jitter(2000));
	}

	#emitMessage() {
		const number = ++this.sent;
		if (number % 10 === 3) this.socket.emit('msg', this.room, this.name, number, makeAttachment(number));
		else this.socket.emit('msg', this.room, this.name, number, 'é – 🚀');
		if (number % 10 === 6) call(this.name, this.socket, ['call', number]);
	}
}

// Comer is a client of version 4 whose connection breaks again and again. Messages that it missed are
// lost only if the server says that it recovered the socket.
class Comer {
	constructor(transport, number) {
		this.name = `comer ${transport} ${number}`;
		this.sequence = new Sequence(this.name);
		this.room = `room ${number % rooms}`;
		this.#connect(transport);
	}

	#connect(transport) {
		let met = false;
		this.socket = openSocket(4, transport);
		this.socket.on('msg', (_room, sender, number, extra) => this.sequence.check(sender, number, extra));
		this.socket.on('question', (reply) => reply('got it'));
		this.socket.on('connect', () => {
			if (this.socket.recovered) {
				counts.Recovered++;
			} else {
				if (met) counts.Others++;
				this.sequence.last = {};
				call(this.name, this.socket, ['join', this.room]);
			}
			met = true;
		});
		// A close during an upgrade waits for the poll under way. The client keeps the events of that poll
		// for its next connect, but sends an older offset, so it would emit them twice.
		this.socket.io.on('reconnect_attempt', () => (this.socket.receiveBuffer = []));
		this.#breakNext();
	}

	#breakNext() {
		this.timer = setTimeout(() => {
			if (!calm && this.socket.connected) this.socket.io.engine.close();
			this.#breakNext();
		}, jitter(8000));
	}

	stop() {
		clearTimeout(this.timer);
		this.socket.disconnect();
	}
}

let stopping = false;
const residents = [];
for (const version of [2, 3, 4]) {
	for (const transport of Object.keys(transports)) residents.push(new Resident(version, transport, residents.length));
}
const comers = Object.keys(transports).map((transport, i) => new Comer(transport, i));

setInterval(() => {
	const connected = residents.filter((r) => r.joined);
	process.stdout.write(`${JSON.stringify({
		...counts,
		Ready: connected.length === residents.length && comers.every((c) => c.socket.connected),
		Connections: residents.length + comers.length,
		Complaints: complaints,
		Clients: residents.map((r) => ({ Name: r.name, Room: r.room, Sent: r.sent, Last: r.sequence.last })),
	})}\n`);
}, 1000);

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => (calm = line === 'calm'));
lines.on('close', () => {
	stopping = true;
	for (const { socket } of residents) socket.disconnect();
	for (const comer of comers) comer.stop();
	setTimeout(() => process.exit(0), 500);
});
