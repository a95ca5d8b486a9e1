// Caddyfiles for the tests.

import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Caddy } from './caddy.js';
import { kinds } from './clients.js';

const rules = readFileSync(new URL('../rules.caddyfile', import.meta.url), 'utf8');

// namespace returns a block with the rules of the tests, after the lines in more.
export const namespace = (name, more = '') => `namespace ${name} {\n${more}\n${rules}\n}\n`;

// socketio returns the directive with these namespaces.
export const socketio = (namespaces, settings = '') => `socketio {\n${settings}\n${namespaces}\n}\n`;

// describeWithCaddy describes tests that share one Caddy with that site. The function is
// passed a function that returns the Caddy once it runs.
export function describeWithCaddy(title, site, tests, options) {
	describe(title, () => {
		let caddy;
		before(async () => {
			caddy = await Caddy.start(site, options);
		});
		after(() => caddy?.stop());
		tests(() => caddy);
	});
}

// test is a test with a deadline; options may stand before the function.
export const test = (title, ...rest) => it(title, { timeout: 60_000, ...rest.at(-2) }, rest.at(-1));

// testEachClient is a test for each client on each transport.
export function testEachClient(title, fn, which = kinds) {
	for (const kind of which) test(`${title} (${kind.name})`, (t) => fn(t, kind));
}
