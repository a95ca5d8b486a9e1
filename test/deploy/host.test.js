// The files for a host and for an image: the drop-in of systemd, the settings of the kernel and
// the Dockerfile.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { getStatus, makeDir, missing, readExample, root, startCaddy } from './lib/process.js';
import { awaitConnect, emitWithAck, Inbox, kind, openSocket } from '../e2e/lib/clients.js';

// unit is as much of the unit file of Caddy's package as the drop-in adds to.
const unit = (binary) => `[Unit]
Description=Caddy

[Service]
Type=notify
User=root
ExecStart=${binary} run --environ --config /etc/caddy/Caddyfile
ExecReload=${binary} reload --config /etc/caddy/Caddyfile --force
TimeoutStopSec=5s
LimitNOFILE=1048576
LimitNPROC=512
AmbientCapabilities=CAP_NET_BIND_SERVICE
`;

describe('systemd', { skip: missing('systemd-analyze') }, () => {
	// verify returns the complaints of systemd about the unit with the text of a drop-in.
	const verify = async (t, dropIn) => {
		const dir = await makeDir();
		t.after(() => rm(dir, { recursive: true }));
		const file = join(dir, 'caddy.service');
		await writeFile(file, unit(process.execPath));
		await mkdir(`${file}.d`);
		await writeFile(join(`${file}.d`, 'socketio.conf'), dropIn);
		const { stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8', env: { ...process.env, SYSTEMD_UNIT_PATH: `${dir}:` } });
		return stderr.split('\n').filter((line) => line.includes(dir)).join('\n');
	};

	it('accepts the drop-in', async (t) => {
		assert.equal(await verify(t, await readExample('deploy/systemd/caddy.service.d/socketio.conf')), '');
	});

	it('complains about a misspelled setting', async (t) => {
		assert.match(await verify(t, '[Service]\nLimitNOFILES=1\n'), /LimitNOFILES/);
	});
});

describe('sysctl.d', { skip: process.platform !== 'linux' && 'settings of Linux' }, () => {
	it('has settings that this kernel knows, unless it may ignore them', async () => {
		const text = await readExample('deploy/systemd/sysctl.d/90-socketio.conf');
		const settings = text.split('\n').filter((line) => line && !line.startsWith('#'));
		assert.ok(settings.length > 5);
		for (const line of settings) {
			const [, optional, key] = line.match(/^(-?)([a-z0-9_.]+) = [\d ,]+$/) ?? assert.fail(line);
			const path = `/proc/sys/${key.replaceAll('.', '/')}`;
			// Some settings exist only outside of network namespaces.
			if (!optional && !key.startsWith('net.core.netdev')) assert.ok(existsSync(path), key);
		}
	});
});

describe('Dockerfile', () => {
	it('copies files that exist, and ends as a user without rights', async () => {
		const text = await readExample('deploy/docker/Dockerfile');
		for (const [, sources] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
			for (const source of sources.split(' ')) assert.ok(existsSync(join(root, source)), source);
		}
		const stages = text.split(/^FROM /m);
		assert.equal(stages.length, 3); // the comment, the build and the image
		assert.match(stages[2], /^USER 10001:10001$/m);
		assert.match(stages[2], /^HEALTHCHECK .*CMD \["caddy", "socketio", "status"\]$/m);
		const ignored = (await readExample('deploy/docker/Dockerfile.dockerignore')).split('\n');
		assert.ok(!ignored.some((pattern) => ['examples', 'internal', 'hub', 'openapi.yaml', '*'].includes(pattern)));
	});

	it('has a Go that go.mod accepts', async () => {
		const [, image] = (await readExample('deploy/docker/Dockerfile')).match(/^FROM golang:(\d+\.\d+)-/m);
		const [, needed] = (await readExample('../go.mod')).match(/^go (\d+\.\d+)/m);
		assert.equal(image, needed);
	});

	it('serves clients, metrics and its health with its Caddyfile', async (t) => {
		const address = '127.0.0.51';
		const caddy = await startCaddy(await readExample('deploy/docker/Caddyfile'), address);
		t.after(() => caddy.stop());
		const [one, other] = ['upgrade', 'polling'].map((transport) => openSocket(t, kind(4, transport), `http://${address}:8080`));
		const messages = new Inbox(other, 'message');
		await Promise.all([one, other].map(awaitConnect));
		await emitWithAck(one, 'message', 'hello');
		assert.deepEqual(await messages.has(1), [[one.id, 'hello']]);
		assert.equal(await getStatus(`http://${address}:9180/metrics`), 200);
		assert.equal(await getStatus(`http://${address}:9180/socketio/health/ready`), 200);
	});
});
