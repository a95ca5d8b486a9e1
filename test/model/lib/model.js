// The model of rooms that programs are judged by.
//
// A program is made of rounds. Between rounds nothing is on its way: each client is in
// the rooms that the model says. Within a round clients act at the same time, so a room
// that a client joins or leaves in the round is open: a message to it may reach the
// client or not. Everything else is certain.

export const must = 'must';
export const may = 'may';
export const mustNot = 'must not';

// Member is a client as the model sees it.
export class Member {
	id = ''; // the socket's, at the beginning of the round
	rooms = new Set(); // without the one of its own id
	open = new Set(); // rooms that it joins or leaves in this round
	lossy = false; // it loses its socket in this round, and joins its rooms with another

	// join and leave tell the model of an operation in this round.
	join(rooms) {
		this.#change(rooms, true);
	}

	leave(rooms) {
		this.#change(rooms, false);
	}

	#change(rooms, member) {
		for (const room of rooms) {
			if (this.rooms.has(room) === member) continue;
			this.open.add(room);
			if (member) this.rooms.add(room);
			else this.rooms.delete(room);
		}
	}

	// settle ends the round: nothing is open any more.
	settle() {
		this.open.clear();
		this.lossy = false;
	}

	// isIn returns whether the client is in a room: true, false, or undefined while it
	// is open.
	isIn(room) {
		const member = room === this.id || this.rooms.has(room);
		return this.open.has(room) || member && this.lossy ? undefined : member;
	}
}

// anyOf returns true when one is true, else undefined when one is undefined.
function anyOf(values) {
	if (values.includes(true)) return true;
	return values.includes(undefined) ? undefined : false;
}

// expectation says whether a member has to get a message. A message without to goes to
// the whole namespace, one with an empty to reaches no socket.
export function expectation(message, member) {
	const { to, except = [], from, includeSender = false, volatile = false } = message;
	if (from === member && !includeSender) return mustNot;
	const meant = to ? anyOf(to.map((room) => member.isIn(room))) : true;
	const excepted = anyOf(except.map((room) => member.isIn(room)));
	if (meant === false || excepted === true) return mustNot;
	if (meant === undefined || excepted === undefined || volatile || member.lossy || from?.lossy) return may;
	return must;
}

// judge compares messages with the ones a member got, as [emitter, number] pairs, and
// returns the violations. The messages of an emitter are numbered in the order sent.
export function judge(messages, expected, got) {
	const violations = [];
	const count = new Map();
	const last = new Map();
	for (const [emitter, number] of got) {
		const key = `${emitter} ${number}`;
		count.set(key, (count.get(key) ?? 0) + 1);
		if (count.get(key) === 1 && last.get(emitter) > number) violations.push(`${key} came after ${emitter} ${last.get(emitter)}`);
		last.set(emitter, Math.max(number, last.get(emitter) ?? number));
	}
	for (const message of messages) {
		const key = `${message.emitter} ${message.number}`;
		const times = count.get(key) ?? 0;
		count.delete(key);
		const expects = expected.get(message);
		if (times > 1) violations.push(`${key} came ${times} times`);
		if (times > 0 && expects === mustNot) violations.push(`${key} must not come`);
		if (times === 0 && expects === must) violations.push(`${key} is missing`);
	}
	for (const key of count.keys()) violations.push(`${key} is not of this round`);
	return violations;
}
