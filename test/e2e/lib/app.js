// A web application behind Caddy: it keeps the requests it gets, and answers
// what the test tells it to.

import { createServer } from 'node:http';
import { once } from 'node:events';

export class App {
	requests = []; // {path, headers, text, body}
	answer = () => [204];
	#server;

	static async start(t) {
		const app = new App();
		app.#server = createServer(async (request, response) => {
			let text = '';
			try {
				for await (const chunk of request) text += chunk;
			} catch {
				return; // Caddy has given the request up
			}
			const seen = { path: request.url, method: request.method, headers: request.headers, text, body: JSON.parse(text) };
			app.requests.push(seen);
			const [status, body] = app.answer(seen);
			response.writeHead(status, { 'Content-Type': 'application/json' });
			response.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
		});
		app.#server.listen(0, '127.0.0.1');
		await once(app.#server, 'listening');
		t.after(() => {
			app.#server.close();
			app.#server.closeAllConnections();
		});
		return app;
	}

	get address() {
		return `127.0.0.1:${this.#server.address().port}`;
	}

	of(type, event) {
		return this.requests.filter(({ body }) => body.type === type && (event === undefined || body.event === event));
	}
}
