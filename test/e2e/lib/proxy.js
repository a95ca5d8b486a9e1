// A TCP proxy that can lose the network: cut closes every connection through it
// and allows no other until mend; freeze leaves all of them open and moves
// no bytes.

import { once } from 'node:events';
import net from 'node:net';

export class Proxy {
	#connections = new Set();
	#state = 'up';
	#server;

	static async start(t, port) {
		const proxy = new Proxy();
		proxy.#server = net.createServer((down) => proxy.#carry(down, net.connect(port, '127.0.0.1')));
		proxy.#server.listen(0, '127.0.0.1');
		await once(proxy.#server, 'listening');
		t.after(() => {
			proxy.#server.close();
			proxy.cut();
		});
		return proxy;
	}

	get url() {
		return `http://127.0.0.1:${this.#server.address().port}`;
	}

	cut() {
		this.#state = 'cut';
		for (const connection of this.#connections) connection.destroy();
	}

	mend() {
		this.#state = 'up';
	}

	freeze() {
		this.#state = 'frozen';
		for (const connection of this.#connections) {
			connection.unpipe();
			connection.pause();
		}
	}

	#carry(down, up) {
		for (const [from, to] of [[down, up], [up, down]]) {
			this.#connections.add(from);
			from.on('error', () => {});
			from.on('close', () => {
				this.#connections.delete(from);
				to.destroy();
			});
			if (this.#state === 'up') from.pipe(to);
		}
		if (this.#state === 'cut') down.destroy();
	}
}
