// A Caddy of our own: the real binary, on free loopback ports, with a config
// made for the test.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once as eventOf } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { checkResponse } from './openapi.js';
import { deadlineMs, withDeadline } from './time.js';

const binary = process.env.CADDY;
if (!binary) throw new Error('the environment variable CADDY must name the caddy binary: run `make test`');

const reserved = []; // files that name the ports of this process
process.on('exit', () => reserved.forEach((file) => rmSync(file, { force: true })));

// reservePort reports whether the port is for this process: other test files run at the
// same time.
function reservePort(port) {
	const file = join(tmpdir(), `caddy-e2e-port-${port}`);
	try {
		writeFileSync(file, '', { flag: 'wx' });
	} catch (error) {
		if (error.code === 'EEXIST') return false;
		throw error;
	}
	reserved.push(file);
	return true;
}

// freePort is below the range from which the kernel takes the ports of
// outgoing connections: no other process gets it before Caddy does.
export async function freePort() {
	for (;;) {
		const port = 12_000 + Math.floor(Math.random() * 20_000);
		if (!reservePort(port)) continue;
		const server = net.createServer().listen(port, '127.0.0.1');
		try {
			await eventOf(server, 'listening');
		} catch {
			continue;
		}
		server.close();
		await eventOf(server, 'close');
		return port;
	}
}

// run runs the binary until it exits.
export async function run(args, { env = {}, input = '' } = {}) {
	const child = spawn(binary, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
	try {
		child.stdin.end(input);
		let stdout = '';
		let stderr = '';
		child.stdout.on('data', (data) => (stdout += data));
		child.stderr.on('data', (data) => (stderr += data));
		const [code] = await withDeadline(eventOf(child, 'close'), `caddy ${args[0]}`);
		return { code, stdout, stderr };
	} finally {
		child.kill('SIGKILL');
	}
}

export class Caddy {
	log = []; // lines of the process log
	#child;
	#dir;
	#exit;

	// start serves the site, the inside of a site block. A second process with
	// the ports of a former one stands in for it.
	static async start(site, { global = '', ports, scheme = 'http' } = {}) {
		const caddy = new Caddy();
		caddy.http = ports?.http ?? await freePort();
		caddy.adminPort = ports?.admin ?? await freePort();
		caddy.scheme = scheme;
		caddy.global = global;
		caddy.#dir = await mkdtemp(join(tmpdir(), 'caddy-e2e-'));
		await writeFile(caddy.file, caddy.caddyfile(site));
		try {
			await caddy.#spawn();
		} catch (error) {
			await caddy.stop();
			throw error;
		}
		return caddy;
	}

	get url() {
		return `${this.scheme}://${this.#host}:${this.http}`;
	}

	get #host() {
		return this.scheme === 'https' ? 'localhost' : '127.0.0.1';
	}

	get admin() {
		return `127.0.0.1:${this.adminPort}`;
	}

	get ports() {
		return { http: this.http, admin: this.adminPort };
	}

	get file() {
		return join(this.#dir, 'Caddyfile');
	}

	path(name) {
		return join(this.#dir, name);
	}

	// caddyfile is the whole config around a site's inside.
	caddyfile(site) {
		return `{
	admin ${this.admin}
	persist_config off
	skip_install_trust
	auto_https disable_redirects
${this.global}
}

${this.url} {
${site}
}
`;
	}

	// get and post send a request to the admin API; the response has status and body,
	// parsed where it is JSON. Responses under /socketio/ are checked against openapi.yaml.
	get(path) {
		return this.#request(path, 'GET');
	}

	post(path, body, type = 'application/json', headers = {}) {
		return this.#request(path, 'POST', typeof body === 'string' ? body : JSON.stringify(body), type, headers);
	}

	// emit emits through the admin API and resolves to the response's body.
	async emit(body) {
		const { status, body: answer } = await this.post('/socketio/emit', body);
		assert.equal(status, 200, JSON.stringify(answer));
		return answer;
	}

	// load replaces the config, and resolves to the response of the admin API.
	load(site) {
		return this.post('/load', this.caddyfile(site), 'text/caddyfile');
	}

	async reload(site) {
		const { status, body } = await this.load(site);
		assert.equal(status, 200, JSON.stringify(body));
	}

	// parked waits until just so many requests, polls that is, wait for their
	// responses. The Caddyfile needs the global option metrics. A reload of Caddy
	// may reset connections that are made at that very moment: polls must wait already.
	async parked(count) {
		const deadline = Date.now() + deadlineMs;
		let now;
		do {
			const { body } = await this.get('/metrics');
			now = [...body.matchAll(/^caddy_http_requests_in_flight\{.*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
		} while (now !== count && Date.now() < deadline);
		assert.equal(now, count, 'parked polls');
	}

	// stop sends SIGTERM, as an operator does. The process must exit, and it must
	// not have had a panic or a data race in its life.
	async stop() {
		try {
			if (this.#child && this.#child.exitCode === null) this.#child.kill('SIGTERM');
			if (this.#child) await withDeadline(this.#exit, 'end of the process after SIGTERM', 15_000);
		} finally {
			this.#child?.kill('SIGKILL');
			await rm(this.#dir, { recursive: true, force: true });
		}
		const bad = this.log.findIndex((line) => /panic|DATA RACE|fatal error/.test(line));
		assert.equal(bad, -1, this.log.slice(Math.max(bad, 0), bad + 40).join('\n'));
	}

	// kill ends the process at once, as a crash does.
	async kill() {
		this.#child.kill('SIGKILL');
		await this.#exit;
	}

	async #spawn() {
		const child = spawn(binary, ['run', '--config', this.file, '--adapter', 'caddyfile'], {
			env: { ...process.env, HOME: this.#dir, XDG_CONFIG_HOME: this.#dir, XDG_DATA_HOME: this.#dir },
			stdio: ['ignore', 'ignore', 'pipe'],
		});
		this.#child = child;
		const kill = () => child.kill('SIGKILL');
		process.once('exit', kill);
		this.#exit = eventOf(child, 'exit').finally(() => process.off('exit', kill));
		const awaited = new Set(['serving initial configuration']);
		if (this.scheme === 'https') awaited.add('certificate obtained successfully');
		const serving = new Promise((resolve) => {
			createInterface({ input: child.stderr }).on('line', (line) => {
				this.log.push(line);
				for (const message of awaited) if (line.includes(message)) awaited.delete(message);
				if (awaited.size === 0) resolve(true);
			});
		});
		const up = await withDeadline(Promise.race([serving, this.#exit.then(() => false)]), 'start of caddy', 30_000);
		if (!up) throw new Error(`caddy did not start:\n${this.log.join('\n')}`);
	}

	// Each request has a connection of its own: a reload closes idle ones.
	async #request(path, method, text, type, headers) {
		const request = http.request(`http://${this.admin}${path}`, {
			agent: false,
			method,
			headers: text === undefined ? {} : { ...headers, 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) },
		});
		request.end(text);
		const [response] = await withDeadline(eventOf(request, 'response'), `answer to ${method} ${path}`);
		let answer = '';
		for await (const chunk of response.setEncoding('utf8')) answer += chunk;
		if (path.startsWith('/socketio/')) checkResponse(method, path, response.statusCode, response.headers, answer);
		const json = /json/.test(response.headers['content-type'] ?? '') && answer !== '';
		return { status: response.statusCode, body: json ? JSON.parse(answer) : answer };
	}
}
