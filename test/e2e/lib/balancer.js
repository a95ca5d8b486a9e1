// A TCP proxy in front of several servers, which sends all connections to the one
// of the moment and can break the open connections.

import { once } from 'node:events';
import net from 'node:net';

export class Balancer {
	#connections = new Set();
	#frozen = new Set();
	#server;
	#target; // null while connections are refused

	static async start(t, server) {
		const balancer = new Balancer();
		balancer.to(server);
		balancer.#server = net.createServer((down) => balancer.#carry(down));
		balancer.#server.listen(0, '127.0.0.1');
		await once(balancer.#server, 'listening');
		t.after(() => {
			balancer.#server.close();
			balancer.cut();
			for (const connection of balancer.#frozen) connection.destroy();
		});
		return balancer;
	}

	get url() {
		return `http://127.0.0.1:${this.#server.address().port}`;
	}

	// to sends new connections to that server.
	to(server) {
		this.#target = Number(new URL(server.url).port);
	}

	// cut closes all connections and refuses new ones.
	cut() {
		this.#target = null;
		for (const connection of this.#connections) connection.destroy();
	}

	// freeze stops the traffic of the open connections. Neither end is
	// notified, not even of the close of the other one.
	freeze() {
		for (const connection of this.#connections) {
			connection.unpipe();
			connection.resume();
			this.#frozen.add(connection);
		}
		this.#connections.clear();
	}

	#carry(down) {
		if (this.#target === null) {
			down.destroy();
			return;
		}
		const up = net.connect(this.#target, '127.0.0.1');
		for (const [from, to] of [[down, up], [up, down]]) {
			this.#connections.add(from);
			from.on('error', () => {});
			from.on('close', () => {
				if (this.#frozen.has(from)) return;
				this.#connections.delete(from);
				to.destroy();
			});
			from.pipe(to);
		}
	}
}
