// The dashboard and the alerts of examples/monitoring: they name metrics and labels that exist,
// and every panel shows something beside a Caddy that has a cluster and a backend.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { freePort } from '../e2e/lib/caddy.js';
import { awaitConnect, awaitConnectError, emitWithAck, kind, openSocket } from '../e2e/lib/clients.js';
import { awaitCondition } from '../e2e/lib/cluster-sockets.js';
import { Redis, redisMissing } from '../e2e/lib/redis.js';
import { makeDir, missing, Process, readExample, root, startCaddy } from './lib/process.js';
import { parseExpression } from './lib/promql.js';

const address = '127.0.0.21';
const exposition = `http://${address}:9180/metrics`;

// addedByPrometheus are the labels and the metrics that a scrape adds.
const addedByPrometheus = { labels: ['job', 'instance'], metrics: ['up', 'ALERTS'] };

// caddyfile has a socket, a connect error, a backend and a cluster in it.
const caddyfile = (redis, backend) => `{
	persist_config off
	socketio {
		cluster redis ${redis}
	}
}

http://:8080 {
	socketio {
		namespace / {
			on connect {
				join lobby
			}
			on message {
				backend ${backend}
				ack
			}
		}
		namespace /closed {
			on connect {
				require false
			}
		}
	}
}

http://:9180 {
	metrics /metrics
}
`;

const dashboard = JSON.parse(await readExample('monitoring/dashboard.json'));
const alerts = parse(await readExample('monitoring/alerts.yml')).groups.flatMap(({ rules }) => rules);
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

// substitute replaces the variables of the dashboard, which are not part of PromQL.
const substitute = (expression) => expression.replaceAll('$__rate_interval', '10s').replace(/\$\w+/g, '.*');

// expressions are all expressions of the dashboard and of the alerts, with the labels that
// their texts name.
const expressions = [
	...panels.flatMap(({ title, targets }) => targets.map(({ expr, legendFormat }) => ({
		place: `panel ${title}`, expression: substitute(expr), shown: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label),
	}))),
	...dashboard.annotations.list.filter(({ expr }) => expr).map(({ name, expr }) => ({ place: `annotation ${name}`, expression: expr, shown: [] })),
	...dashboard.templating.list.filter(({ type }) => type === 'query').map(({ name, definition }) => {
		const [, expression, label] = definition.match(/^label_values\((.+), (\w+)\)$/);
		return { place: `variable ${name}`, expression: substitute(expression), shown: [label] };
	}),
	...alerts.map(({ alert, expr, annotations }) => ({
		place: `alert ${alert}`, expression: expr, shown: [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label),
	})),
];

// readCatalog returns the labels of every metric: of the module by its documentation, which
// test/docs compares with the source, and of Go and the process by a scrape.
async function readCatalog(scraped) {
	const catalog = new Map();
	for (const [, name, labels] of scraped.matchAll(/^([a-z_]+)(?:\{(.*)\})? /gm)) {
		if (!name.startsWith('caddy_socketio_')) catalog.set(name, new Set([...(labels ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label)));
	}
	for (const [name, { type, labels }] of await readDocumentation()) {
		catalog.set(name, new Set(labels));
		if (type !== 'histogram') continue;
		for (const suffix of ['_bucket', '_sum', '_count']) catalog.set(name + suffix, new Set([...labels, ...(suffix === '_bucket' ? ['le'] : [])]));
	}
	return catalog;
}

// readDocumentation returns the rows of docs/operations/metrics.md.
async function readDocumentation() {
	const page = await readExample('../docs/operations/metrics.md');
	const rows = page.split('\n').map((line) => line.split('|').map((cell) => cell.trim()))
		.filter(([, , type]) => ['counter', 'gauge', 'histogram'].includes(type));
	assert.ok(rows.length > 25, 'the table of metrics has another form');
	return new Map(rows.map(([, name, type, labels]) => [
		`caddy_socketio_${name.replaceAll('`', '')}`, { type, labels: findLabels(labels) },
	]));
}

// findLabels returns the labels in a cell like `type`, `outcome`: `ok`, `outage`; `other`. Every
// metric has the label hub, except for one whose cell begins with "no".
function findLabels(cell) {
	const labels = (text) => text.split(';').flatMap((part) => [...part.split(':')[0].matchAll(/`(\w+)`/g)].map(([, label]) => label));
	return cell.startsWith('no `hub`') ? labels(cell).slice(1) : ['hub', ...labels(cell)];
}

describe('monitoring', { skip: redisMissing }, () => {
	let scraped;
	const stops = [];
	const context = { after: (stop) => stops.push(stop) };
	after(async () => {
		for (const stop of stops.reverse()) await stop();
	});
	before(async () => {
		const redis = await Redis.start();
		context.after(() => redis.stop());
		const backend = http.createServer((request, response) => request.resume().on('end', () => response.writeHead(204).end())).listen(0, '127.0.0.1');
		await once(backend, 'listening');
		context.after(() => backend.close());
		const caddy = await startCaddy(caddyfile(redis.url, `http://127.0.0.1:${backend.address().port}`), address);
		context.after(() => caddy.stop());

		const url = `http://${address}:8080`;
		const socket = openSocket(context, kind(4, 'upgrade'), url);
		await awaitConnect(socket);
		await emitWithAck(socket, 'message', 'hello');
		await awaitConnectError(openSocket(context, kind(4, 'websocket'), `${url}/closed`));
		await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=unknown`);
		scraped = await (await fetch(exposition)).text();
	});

	it('names metrics and labels that exist', async () => {
		const catalog = await readCatalog(scraped);
		for (const { place, expression, shown } of expressions) {
			const { metrics, grouped } = parseExpression(expression);
			assert.ok(metrics.length > 0, place);
			for (const { name, labels } of metrics) {
				if (addedByPrometheus.metrics.includes(name)) continue;
				assert.ok(catalog.has(name), `${place}: no metric ${name}`);
				const known = [...catalog.get(name), ...addedByPrometheus.labels];
				const missing = [...labels, ...grouped, ...(grouped.length ? [] : shown)].filter((label) => !known.includes(label));
				assert.deepEqual(missing, [], `${place}: ${name} has no such label`);
			}
			if (grouped.length) assert.deepEqual(shown.filter((label) => !grouped.includes(label)), [], `${place} shows labels that it does not group by`);
		}
	});

	it('scrapes no label that the documentation lacks', async () => {
		const documentation = await readDocumentation();
		for (const [, series, labels] of scraped.matchAll(/^(caddy_socketio_\w+)\{(.*)\} /gm)) {
			const row = documentation.get(series) ?? documentation.get(series.replace(/_(bucket|sum|count)$/, ''));
			assert.ok(row, `${series} is not documented`);
			const found = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'le');
			assert.deepEqual(found.sort(), [...row.labels].sort(), series);
		}
	});

	it('places panels side by side', () => {
		const cells = new Set();
		for (const { gridPos: { x, y, w, h } } of dashboard.panels) {
			assert.ok(x + w <= 24);
			for (let i = 0; i < w * h; i++) {
				const cell = `${x + i % w},${y + Math.floor(i / w)}`;
				assert.ok(!cells.has(cell), `two panels at ${cell}`);
				cells.add(cell);
			}
		}
		assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
	});

	it('has a test and a row of documentation for every alert', async () => {
		const { tests } = parse(await readExample('monitoring/alerts_test.yml'));
		const fired = new Set(tests.flatMap(({ alert_rule_test: cases = [] }) => cases.filter((c) => c.exp_alerts.length > 0).map((c) => c.alertname)));
		const page = await readExample('../docs/operations/monitoring.md');
		const documented = new Set([...page.matchAll(/^\| `(Socketio\w+)` \|/gm)].map(([, name]) => name));
		const names = alerts.map(({ alert }) => alert).sort();
		assert.deepEqual([...fired].sort(), names);
		assert.deepEqual([...documented].sort(), names);
	});

	it('passes promtool', { skip: missing('promtool') }, async () => {
		const run = (...args) => {
			const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: join(root, 'examples/monitoring'), encoding: 'utf8' });
			assert.equal(status, 0, stdout + stderr);
		};
		run('check', 'config', 'prometheus.yml');
		run('check', 'rules', '--lint-fatal', 'alerts.yml');
		run('test', 'rules', 'alerts_test.yml');
	});

	it('has data in every panel', { skip: missing('prometheus') }, async (t) => {
		const dir = await makeDir();
		const config = (await readExample('monitoring/prometheus.yml'))
			.replaceAll('15s', '1s').replace(/targets: \[.*/, `targets: [${address}:9180]`);
		await writeFile(join(dir, 'prometheus.yml'), config);
		await writeFile(join(dir, 'alerts.yml'), await readExample('monitoring/alerts.yml'));
		const listen = `127.0.0.1:${await freePort()}`;
		const prometheus = await Process.start('prometheus', [
			'--config.file', 'prometheus.yml', '--storage.tsdb.path', 'data', '--web.listen-address', listen,
		], { dir, started: 'Server is ready to receive web requests' });
		t.after(() => prometheus.stop());

		const get = async (path) => (await (await fetch(`http://${listen}/api/v1/${path}`)).json()).data;
		const query = async (expression) => (await get(`query?query=${encodeURIComponent(expression)}`)).result;
		await awaitCondition(async () => (await query('rate(caddy_socketio_events_total[10s])')).length > 0, 'a second scrape', 30_000);
		let shown = 0;
		for (const { title, targets } of panels) {
			for (const { expr } of targets) {
				// Some series exist only after the first overload.
				const isScraped = ({ name }) => name === 'up' || scraped.includes(`\n${name}{`) || scraped.includes(`\n${name} `);
				if (!parseExpression(substitute(expr)).metrics.every(isScraped)) continue;
				assert.ok((await query(substitute(expr))).length > 0, `${title}: no data for ${expr}`);
				shown++;
			}
		}
		assert.ok(shown > 40, `${shown} expressions have data`);
		const loaded = (await get('rules')).groups.flatMap(({ rules }) => rules);
		assert.equal(loaded.length, alerts.length);
		await awaitCondition(async () => (await get('rules')).groups.flatMap(({ rules }) => rules).every(({ health }) => health !== 'unknown'), 'evaluation of the rules');
		for (const { name, health, lastError, state } of (await get('rules')).groups.flatMap(({ rules }) => rules)) {
			assert.deepEqual([name, health, lastError, state], [name, 'ok', undefined, 'inactive']);
		}
	});
});
