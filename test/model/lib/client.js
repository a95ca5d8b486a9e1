// A client of a program: an official client behind a TCP proxy of its own, which can
// break its connection.

import { Balancer } from '../../e2e/lib/balancer.js';
import { emitWithAck, openSocket } from '../../e2e/lib/clients.js';
import { awaitCondition } from '../../e2e/lib/cluster-sockets.js';
import { Member } from './model.js';

export class Client {
	member = new Member();
	got = []; // [emitter, number] pairs of this round
	surprises = []; // disconnections that the program did not cause
	#joined = false; // it is connected and in the rooms of the model
	#breaking = false;

	static async start(t, name, kind, node, namespace) {
		const client = new Client();
		Object.assign(client, { name, kind, node });
		client.balancer = await Balancer.start(t, node);
		client.socket = openSocket(t, kind, client.balancer.url + namespace, {
			reconnection: true, reconnectionDelay: 5, reconnectionDelayMax: 20,
		});
		client.socket.on('msg', (emitter, number) => client.got.push([emitter, number]));
		client.socket.on('connect', () => client.#rejoin());
		client.socket.on('disconnect', (reason) => {
			client.#joined = false;
			if (!client.#breaking) client.surprises.push(reason);
		});
		await client.ready();
		return client;
	}

	// #rejoin joins the rooms of the model again, unless the server recovered them.
	async #rejoin() {
		const { id } = this.socket;
		const rooms = [...this.member.rooms];
		if (!this.socket.recovered && rooms.length > 0) await emitWithAck(this.socket, 'join', rooms);
		if (this.socket.id === id) this.#joined = true;
	}

	// ready waits until the client is connected and in its rooms.
	async ready() {
		await awaitCondition(() => this.#joined && this.socket.connected, `${this.name} is connected`);
		this.member.id = this.socket.id;
	}

	// reset breaks the connection, and lets the client back in, to the node given, when
	// meanwhile has returned. It returns whether the server recovered the socket.
	async reset(node, meanwhile) {
		const { id } = this.socket;
		this.#breaking = true;
		const gone = new Promise((resolve) => this.socket.once('disconnect', resolve));
		this.balancer.cut();
		await gone;
		await meanwhile();
		this.node = node;
		this.balancer.to(node);
		await awaitCondition(() => this.#joined && this.socket.connected, `${this.name} is connected again`);
		this.#breaking = false;
		return this.socket.recovered === true && this.socket.id === id;
	}

	// emit sends a message by one of the rules.
	emit(rule, { emitter, number, to, except }) {
		this.socket.emit(rule, emitter, number, ...(to ? [to] : []), ...(except ? [except] : []));
	}

	call(...args) {
		return emitWithAck(this.socket, ...args);
	}

	async rooms() {
		const [rooms] = await this.call('rooms');
		return rooms.filter((room) => room !== this.socket.id).sort();
	}
}
