// A web application behind Caddy: it keeps the requests it gets, and responds as
// the test says: with a status and a body, maybe later, or by a function
// of the request and the response.

import { createServer } from 'node:http';
import { once } from 'node:events';

export class App {
	requests = []; // {path, headers, text, body}
	answer = () => [204];
	#server;
	#port = 0;

	static async start(t) {
		const app = new App();
		await app.up();
		t.after(() => app.down());
		return app;
	}

	// up starts the application, or starts it again.
	async up() {
		this.#server = createServer((request, response) => this.#serve(request, response).catch(() => response.destroy()));
		this.#server.listen(this.#port, '127.0.0.1');
		await once(this.#server, 'listening');
		this.#port = this.#server.address().port;
	}

	// down stops it as if it were killed.
	async down() {
		if (!this.#server.listening) return;
		const closed = once(this.#server, 'close');
		this.#server.close();
		this.#server.closeAllConnections();
		await closed;
	}

	async #serve(request, response) {
		let text = '';
		for await (const chunk of request) text += chunk; // unless Caddy gives the request up
		const seen = { path: request.url, method: request.method, headers: request.headers, text, body: JSON.parse(text) };
		this.requests.push(seen);
		const answer = await this.answer(seen);
		if (typeof answer === 'function') return answer(request, response);
		const [status, body] = answer;
		response.writeHead(status, { 'Content-Type': 'application/json' });
		response.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
	}

	get address() {
		return `127.0.0.1:${this.#port}`;
	}

	of(type, event) {
		return this.requests.filter(({ body }) => body.type === type && (event === undefined || body.event === event));
	}
}
