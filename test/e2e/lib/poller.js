// Engine.IO 4 over HTTP long-polling by hand, for tests of the moment between
// two polls, and of bytes that the official client hides.

import assert from 'node:assert/strict';
import { once as eventOf } from 'node:events';
import http from 'node:http';
import { withDeadline } from './time.js';

const separator = '\x1e';

export class Poller {
	#base;
	#sid = '';

	constructor(url) {
		this.#base = `${url}/socket.io/?EIO=4&transport=polling`;
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

	// request is the response to a request on a connection of its own, with
	// its body as bytes.
	async request({ method = 'GET', headers = {}, text } = {}) {
		const sid = this.#sid && `&sid=${this.#sid}`;
		const request = http.request(this.#base + sid, { agent: false, method, headers });
		request.end(text);
		const [response] = await withDeadline(eventOf(request, 'response'), `answer to a ${method}`, 20_000);
		const chunks = [];
		for await (const chunk of response) chunks.push(chunk);
		return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
	}

	// get is the packets of one poll.
	async get() {
		const { status, body } = await this.request();
		assert.equal(status, 200, body.toString());
		return body.toString().split(separator);
	}

	async post(...packets) {
		const { body } = await this.request({ method: 'POST', text: packets.join(separator) });
		assert.equal(body.toString(), 'ok');
	}
}
