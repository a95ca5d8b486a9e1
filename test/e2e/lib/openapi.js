// openapi.yaml, and checks of the server against it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';
import { parse } from 'yaml';

export const document = parse(readFileSync(new URL('../../../openapi.yaml', import.meta.url), 'utf8'));

// The document has keywords that JSON Schema does not know.
const ajv = new Ajv({ strict: false, allErrors: true }).addSchema(document, 'openapi');

const pointer = (...keys) => keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

// resolve returns the value at a pointer, references followed, and its own pointer.
function resolve(at) {
	const found = at.split('/').slice(1).reduce((value, key) => value?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], document);
	return found?.$ref ? resolve(found.$ref.slice(1)) : [found, at];
}

function validate(at, value) {
	const check = ajv.getSchema(`openapi#${encodeURI(at)}`);
	return { valid: check(value), errors: ajv.errorsText(check.errors) };
}

// operations are all documented operations.
export const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(
	([method, operation]) => ({ path, method: method.toUpperCase(), operation, at: pointer('paths', path, method) }),
));

const bodies = (operation) => {
	const [body, at] = resolve(`${operation.at}/requestBody`);
	return Object.entries(body?.content ?? {}).map(([type, content]) => ({ type, content, schema: `${at}${pointer('content', type, 'schema')}` }));
};

// examples are the example bodies in the document.
export const examples = (operation) => bodies(operation).flatMap(({ type, content }) => Object.entries(content.examples).map(
	([name, { value }]) => ({ name, type, text: typeof value === 'string' ? value : JSON.stringify(value) }),
));

// documentAllows reports whether the document allows a body.
export function documentAllows(operation, value) {
	const json = bodies(operation).find(({ type }) => type === 'application/json');
	return validate(json.schema, value).valid;
}

export const answered = new Set(); // METHOD PATH STATUS, of all that were checked

// checkResponse checks the response to a request under /socketio. A request for
// which there is no operation has an error as its response.
export function checkResponse(method, url, status, headers, text) {
	const { pathname } = new URL(url, 'http://caddy');
	const path = pathname.replace(/^\/socketio/, '');
	const methods = operations.filter((one) => one.path === path);
	const operation = methods.find((one) => one.method === method) ?? methods[0];
	const title = `${method} ${url}: ${status} ${text.slice(0, 500)}`;
	assert.equal(headers['content-type'], 'application/json', title);
	const body = JSON.parse(text);
	if (!operation) {
		assert.deepEqual([status, Object.keys(body)], [404, ['error']], title);
		return;
	}
	const [response, at] = resolve(`${operation.at}/responses/${status}`);
	assert.ok(response, `${title}: the status is not documented`);
	const { valid, errors } = validate(`${at}${pointer('content', 'application/json', 'schema')}`, body);
	assert.ok(valid, `${title}: ${errors}`);
	for (const name of Object.keys(response.headers ?? {})) {
		const result = validate(`${at}${pointer('headers', name, 'schema')}`, headers[name.toLowerCase()]);
		assert.ok(result.valid, `${title}: header ${name}: ${result.errors}`);
	}
	answered.add(`${operation.method} ${path} ${status}`);
}
