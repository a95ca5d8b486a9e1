// Engine.IO 4 over HTTP long-polling by hand, for what a client does between
// two polls and what it does not let us see.

import assert from 'node:assert/strict';

const separator = '\x1e';

export class Poller {
	#base;
	#sid = '';

	constructor(url) {
		this.#base = `${url}/socket.io/?EIO=4&transport=polling`;
	}

	get sid() {
		return this.#sid;
	}

	// open shakes hands and connects to a namespace.
	async open(namespace = '/') {
		const [hello] = await this.get();
		assert.equal(hello[0], '0');
		this.#sid = JSON.parse(hello.slice(1)).sid;
		await this.post(namespace === '/' ? '40' : `40${namespace},`);
		const [answer] = await this.get();
		assert.match(answer, /^40/);
	}

	// request is the raw response of a poll.
	request(init = {}) {
		const sid = this.#sid && `&sid=${this.#sid}`;
		return fetch(this.#base + sid, { signal: AbortSignal.timeout(20_000), ...init });
	}

	// get is the packets of one poll.
	async get(init) {
		const response = await this.request(init);
		const body = await response.text();
		assert.equal(response.status, 200, body);
		return body.split(separator);
	}

	async post(...packets) {
		const response = await this.request({ method: 'POST', body: packets.join(separator) });
		assert.equal(await response.text(), 'ok');
	}
}
