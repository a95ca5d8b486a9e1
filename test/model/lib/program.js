// A program: clients of all versions and transports that a seed moves, round by round.

import assert from 'node:assert/strict';
import { kinds } from '../../e2e/lib/clients.js';
import { awaitCondition } from '../../e2e/lib/cluster-sockets.js';
import { Client } from './client.js';
import { expectation, judge } from './model.js';
import { namespaces } from './nodes.js';
import { Random } from './random.js';

const rooms = ['lobby', 'Lobby', 'a', 'a,b', 'with space', 'ünïcødé 🙂', '#', '42', '{event.args.0}', '/chat'];
const clientCount = 12;

export class Program {
	#numbers = new Map(); // the last number of each emitter
	#messages = []; // of this round
	#expected = new Map(); // member → message → expectation
	#lines = []; // describes the round in words
	#unsteady = 0; // in how many rounds to come a poll may be reset by a reload
	received = 0;

	constructor(seed, topology, nodes) {
		Object.assign(this, { random: new Random(seed), topology, nodes });
		this.namespace = this.random.pick(namespaces);
	}

	async run(t, rounds) {
		await this.#start(t);
		for (let round = 0; round < rounds; round++) {
			try {
				await this.#round(round);
			} catch (error) {
				error.message = `round ${round}: ${error.message}\n${this.#lines.join('\n')}`;
				throw error;
			}
		}
	}

	async #start(t) {
		this.clients = await Promise.all(Array.from({ length: clientCount }, (_, i) => {
			const node = this.nodes.servers[i % this.nodes.servers.length];
			const kind = kinds[i % kinds.length];
			return Client.start(t, `client ${i} (${kind.name}, ${node.name})`, kind, node, this.namespace);
		}));
		// A namespace is open in the cluster when marks of all reach all.
		const all = new Set(this.#emitters().map(({ name }) => name));
		await awaitCondition(async () => {
			await this.#mark();
			return this.clients.every(({ got }) => new Set(got.map(([emitter]) => emitter)).size === all.size);
		}, 'all hear all');
		await this.#barrier();
		this.#settle();
	}

	#emitters() {
		return [...this.clients, ...this.nodes.servers, ...this.nodes.emitters];
	}

	// #round draws the actions of all clients in the round, does them, and compares.
	async #round(round) {
		const scripts = [];
		const broken = this.random.chance(0.4) ? this.#breakConnections(scripts) : [];
		const reloads = broken.length === 0 && this.random.chance(0.2);
		if (reloads) this.#reload(round, scripts);
		this.#expectResets();
		for (const client of this.clients) {
			const quiet = broken.includes(client) || reloads && client.member.lossy;
			scripts.push(this.#script(client, quiet ? [] : this.#draw(client)));
		}
		if (!reloads) for (const server of [...this.nodes.servers, ...this.nodes.emitters]) scripts.push(this.#outside(server));
		this.#expect();
		await Promise.all(scripts.map((script) => script()));
		await this.#barrier();
		await this.#compareRooms();
		this.#judge();
		this.#settle();
	}

	// #breakConnections breaks up to three connections in the round.
	#breakConnections(scripts) {
		const broken = this.random.some(this.clients.filter(({ node }) => node.isCaddy), 3);
		for (const client of broken) {
			const to = this.random.pick(this.nodes.caddys);
			const { recovery } = this.topology;
			const recovers = client.kind.version === 4 && (recovery === 'any' || recovery === 'same' && to === client.node);
			client.member.lossy = !recovers;
			this.#lines.push(`${client.name} breaks and comes back to ${to.name}`);
			if (client.kind.transport !== 'websocket') this.nodes.ghosts.add(client.member.id);
			const meanwhile = recovers && this.random.chance(0.5) ? this.#moveAway(client) : () => {};
			scripts.push(async () => assert.equal(await client.reset(to, meanwhile), recovers, `${client.name} is recovered`));
		}
		return broken;
	}

	// #moveAway returns a function that moves a client between rooms while it is away.
	#moveAway({ name, member }) {
		const node = this.random.pick(this.nodes.caddys);
		const operation = this.random.pick(['join', 'leave']);
		const names = this.random.some(rooms, 3);
		const { id } = member;
		member[operation](names);
		this.#lines.push(`${node.name}: ${name} is away and has to ${operation} ${JSON.stringify(names)}`);
		return () => node.move(this.namespace, operation, id, names);
	}

	// #draw returns the action of a client in the round, and applies it to the model.
	#draw(client) {
		return Array.from({ length: this.random.below(6) }, () => {
			const names = this.random.some(rooms, 3);
			if (this.random.chance(0.35)) {
				const operation = this.random.pick(['join', 'join', 'leave']);
				client.member[operation](names);
				this.#lines.push(`${client.name} ${operation} ${JSON.stringify(names)}`);
				return { operation, names };
			}
			return this.#emission(client, this.random.pick(['to', 'to', 'to including me', 'to except', 'volatile', 'broadcast', 'all']));
		});
	}

	#emission(client, rule) {
		const message = this.#message(client, { from: client.member, volatile: rule === 'volatile' });
		if (rule !== 'broadcast' && rule !== 'all') message.to = this.#target();
		if (rule === 'to except') message.except = this.#target();
		message.includeSender = rule === 'to including me' || rule === 'all';
		this.#lines.push(`${client.name} emits ${message.number} by "${rule}" to ${JSON.stringify(message.to)} except ${JSON.stringify(message.except)}`);
		return { rule, message };
	}

	// #target returns rooms, one of which may be that of a socket's id.
	#target() {
		const names = this.random.some(rooms, 3);
		if (this.random.chance(0.2)) names.push(this.random.pick(this.clients).member.id);
		return names;
	}

	#message({ name }, fields = {}) {
		const number = (this.#numbers.get(name) ?? 0) + 1;
		this.#numbers.set(name, number);
		const message = { emitter: name, number, ...fields };
		this.#messages.push(message);
		return message;
	}

	// #script returns a function that does the steps of a client, one after another.
	#script(client, steps) {
		return async () => {
			for (const { operation, names, rule, message } of steps) {
				if (operation) await client.call(operation, names);
				else client.emit(rule, message);
			}
		};
	}

	// #outside returns a function that emits from a server or from another program.
	#outside(server) {
		const messages = Array.from({ length: this.random.below(5) }, () => {
			const to = this.random.chance(0.2) ? undefined : this.#target();
			const except = this.random.chance(0.3) ? this.#target() : undefined;
			const message = this.#message(server, { to, except });
			this.#lines.push(`${server.name} emits ${message.number} to ${JSON.stringify(to)} except ${JSON.stringify(except)}`);
			return message;
		});
		return async () => {
			for (const message of messages) await server.emit(this.namespace, message);
		};
	}

	// #reload has all Caddys reload their config in the round.
	#reload(round, scripts) {
		this.#lines.push('all Caddys reload their config');
		this.#unsteady = 2;
		scripts.push(() => Promise.all(this.nodes.caddys.map((node) => node.reload(round))));
	}

	// #expectResets marks the connections in the model that a reload may reset: the ones of
	// polls that are being made. A client may see that in the next round only.
	#expectResets() {
		if (this.#unsteady === 0) return;
		this.#unsteady--;
		for (const { member, kind } of this.clients) {
			if (kind.transport === 'websocket') continue;
			member.lossy = true;
			this.nodes.ghosts.add(member.id);
		}
	}

	// #expect fixes the messages that each client has to get. Connections that break get other ids
	// meanwhile.
	#expect() {
		for (const { member } of this.clients) {
			this.#expected.set(member, new Map(this.#messages.map((message) => [message, expectation(message, member)])));
		}
	}

	// #mark has every emitter send a message to all, and returns these.
	async #mark() {
		const marks = this.#emitters().map((emitter) => ({ emitter, message: this.#message(emitter, { from: emitter.member, includeSender: true }) }));
		await Promise.all(marks.map(({ emitter, message }) => (emitter.member ? emitter.emit('all', message) : emitter.emit(this.namespace, message))));
		return marks.map(({ message }) => message);
	}

	// #barrier returns when everything that was sent has come: the messages of one
	// emitter come in the order sent, and the last is a mark. Where a client loses its
	// connection meanwhile, as it may in a round that says so, all send another mark.
	async #barrier() {
		let lost = true;
		while (lost) {
			await Promise.all(this.clients.map((client) => client.ready()));
			const before = this.#surprises();
			const marks = await this.#mark();
			for (const client of this.clients) {
				for (const mark of marks) this.#expected.get(client.member)?.set(mark, expectation(mark, client.member));
				const missing = () => marks.filter(({ emitter, number }) => !client.got.some(([e, n]) => e === emitter && n === number));
				try {
					await awaitCondition(() => missing().length === 0 || this.#surprises() > before, 'marks');
				} catch {
					throw new Error(`${client.name} misses the marks of ${missing().map(({ emitter }) => emitter)}`);
				}
			}
			lost = this.#surprises() > before;
		}
	}

	// #surprises counts the connections lost in this round that the program did not break.
	#surprises() {
		return this.clients.reduce((sum, client) => sum + client.surprises.length, 0);
	}

	#judge() {
		const violations = this.clients.flatMap((client) => {
			this.received += client.got.length;
			const surprises = client.member.lossy ? [] : client.surprises;
			return [...surprises, ...judge(this.#messages, this.#expected.get(client.member), client.got)].map((violation) => `${client.name}: ${violation}`);
		});
		assert.deepEqual(violations, []);
	}

	#settle() {
		for (const client of this.clients) {
			client.member.settle();
			client.got = [];
			client.surprises = [];
		}
		this.#messages = [];
		this.#expected.clear();
		this.#lines = [];
	}

	// #compareRooms compares the rooms of the model with the servers' rooms. A client
	// that may lose its connection meanwhile is looked for again.
	async #compareRooms() {
		for (;;) {
			await Promise.all(this.clients.map((client) => client.ready()));
			const before = this.#surprises();
			try {
				return await this.#compareRoomsNow();
			} catch (error) {
				if (this.#surprises() === before) throw error;
			}
		}
	}

	async #compareRoomsNow() {
		const expected = new Map(this.clients.map(({ member }) => [member.id, [...member.rooms].sort()]));
		for (const client of this.clients) assert.deepEqual(await client.rooms(), expected.get(client.member.id), `the rooms of ${client.name}`);
		for (const server of this.nodes.servers) {
			const sockets = await server.sockets(this.namespace);
			const alive = [...sockets].filter(([id]) => expected.has(id) || !this.nodes.ghosts.has(id));
			const found = new Map(alive.map(([id, rooms]) => [id, rooms.filter((room) => room !== id).sort()]));
			assert.deepEqual(new Map([...found].sort()), new Map([...expected].sort()), `the sockets that ${server.name} finds`);
		}
	}
}
