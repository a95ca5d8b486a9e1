// The manifests of examples/deploy/kubernetes: TypeScript compares them with the types of
// Kubernetes, and a Caddy with their config serves their probes.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { awaitConnect, emitWithAck, kind, openSocket } from '../e2e/lib/clients.js';
import { getStatus, missing, readExample, root, startCaddy } from './lib/process.js';

const address = '127.0.0.31';
const here = fileURLToPath(new URL('.', import.meta.url));

// types are the modules of kubernetes-models that have the type of each kind.
const types = {
	Deployment: 'apps/v1', Ingress: 'networking.k8s.io/v1', Namespace: 'v1', NetworkPolicy: 'networking.k8s.io/v1',
	PodDisruptionBudget: 'policy/v1', Service: 'v1',
};

const kustomization = parse(await readExample('deploy/kubernetes/kustomization.yaml'));
const texts = await Promise.all(kustomization.resources.map((name) => readExample(`deploy/kubernetes/${name}`)));
const manifests = texts.flatMap((text) => parseAllDocuments(text, { strict: true })).map((document) => document.toJS());
const find = (kind, name) => manifests.find((m) => m.kind === kind && m.metadata.name === name);

// compileManifests returns the errors of TypeScript for manifests, or an empty text.
async function compileManifests(all) {
	const file = join(here, 'manifests.check.ts');
	await writeFile(file, all.map((manifest, i) => {
		const { kind } = manifest;
		return `import type { I${kind} as Type${i} } from 'kubernetes-models/${types[kind]}';\nexport const manifest${i}: Type${i} = ${JSON.stringify(manifest)};\n`;
	}).join(''));
	try {
		const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--moduleResolution', 'nodenext'];
		return spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...options, file], { cwd: here, encoding: 'utf8' }).stdout;
	} finally {
		await rm(file);
	}
}

describe('manifests of Kubernetes', () => {
	const node = find('Deployment', 'nodes').spec.template.spec;
	const [container] = node.containers;
	const [, , preStop] = container.lifecycle.preStop.exec.command;

	it('have the types of Kubernetes', async () => {
		for (const { kind, apiVersion } of manifests) assert.equal(types[kind], apiVersion, kind);
		assert.equal(await compileManifests(manifests), '');
	});

	it('are refused with a misspelled field and with a wrong type', async () => {
		const misspelled = structuredClone(find('Deployment', 'nodes'));
		misspelled.spec.template.spec.containers[0].readinesProbe = {};
		assert.match(await compileManifests([misspelled]), /readinesProbe/);
		const wrong = structuredClone(find('Deployment', 'nodes'));
		wrong.spec.replicas = '2';
		assert.match(await compileManifests([wrong]), /replicas|'string' is not assignable to type 'number'/);
	});

	it('name things of each other that exist', () => {
		const pods = manifests.filter(({ kind }) => kind === 'Deployment').map(({ spec }) => spec.template);
		const podsOf = (labels) => pods.filter((pod) => Object.entries(labels).every(([key, value]) => pod.metadata.labels[key] === value));
		const portNames = (pod) => pod.spec.containers.flatMap(({ ports }) => ports.map(({ name }) => name));
		for (const { kind, metadata: { name }, spec } of manifests) {
			if (kind === 'Service') {
				const [pod] = podsOf(spec.selector);
				for (const { targetPort } of spec.ports) assert.ok(portNames(pod).includes(targetPort), `service ${name}`);
			}
			if (kind === 'NetworkPolicy') {
				const [pod] = podsOf(spec.podSelector.matchLabels);
				for (const { ports } of spec.ingress) for (const { port } of ports) assert.ok(portNames(pod).includes(port), `policy ${name}`);
			}
			if (kind === 'PodDisruptionBudget') assert.equal(podsOf(spec.selector.matchLabels).length, 1, name);
			if (kind === 'Deployment') assert.deepEqual(podsOf(spec.selector.matchLabels), [spec.template], name);
			if (kind === 'Ingress') {
				for (const { http } of spec.rules) for (const { backend } of http.paths) {
					const service = find('Service', backend.service.name);
					assert.ok(service.spec.ports.some(({ name }) => name === backend.service.port.name), `ingress ${name}`);
				}
			}
		}
		const volumes = node.volumes.map(({ name }) => name);
		assert.deepEqual(container.volumeMounts.map(({ name }) => name).sort(), volumes.sort());
		assert.deepEqual(kustomization.configMapGenerator.map(({ name }) => name), node.volumes.flatMap(({ configMap }) => configMap?.name ?? []));
		assert.deepEqual(kustomization.images.map(({ name }) => name), [container.image]);
	});

	it('are all in the kustomization', async () => {
		const files = (await readdir(join(root, 'examples/deploy/kubernetes'))).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');
		assert.deepEqual(files.sort(), [...kustomization.resources].sort());
	});

	it('build with kubectl', { skip: missing('kubectl') }, () => {
		const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', 'examples/deploy/kubernetes'], { cwd: root, encoding: 'utf8' });
		assert.equal(status, 0, stderr);
		assert.equal(parseAllDocuments(stdout).length, manifests.length + 1); // and the ConfigMap
	});

	it('give a node the time to close its connections', async () => {
		const [, grace] = (await readExample('deploy/kubernetes/Caddyfile')).match(/grace_period (\d+)s/);
		assert.deepEqual(container.lifecycle.preStop.exec.command.slice(0, 2), ['sh', '-c']);
		const [, sleep, over] = preStop.match(/^sleep (\d+) && caddy socketio drain --over (\d+)s$/);
		assert.ok(Number(sleep) + Number(over) + 2 * Number(grace) < node.terminationGracePeriodSeconds);
	});

	it('run Caddy as a user without rights', async () => {
		const dockerfile = await readExample('deploy/docker/Dockerfile');
		assert.match(dockerfile, new RegExp(`^USER ${node.securityContext.runAsUser}:${node.securityContext.runAsGroup}$`, 'm'));
		for (const { spec } of manifests.filter(({ kind }) => kind === 'Deployment').map(({ spec }) => spec.template)) {
			assert.equal(spec.securityContext.runAsNonRoot, true);
			for (const { securityContext } of spec.containers) {
				assert.deepEqual(securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
			}
		}
	});

	describe('with their Caddyfile', () => {
		const stops = [];
		const context = { after: (stop) => stops.push(stop) };
		before(async () => {
			// In a pod the admin endpoint is on localhost, whose name it accepts by itself.
			const admin = `admin ${address}:2019 {\n\torigins ${address}:2019\n}`;
			const text = (await readExample('deploy/kubernetes/Caddyfile')).replace('persist_config off', `persist_config off\n${admin}`);
			const caddy = await startCaddy(text, address, { REDIS_URL: `redis://${address}:6379` });
			context.after(() => caddy.stop());
		});
		after(async () => {
			for (const stop of stops.reverse()) await stop();
		});

		const url = (port, path) => `http://${address}:${container.ports.find(({ name }) => name === port).containerPort}${path}`;

		for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
			it(`serve the ${probe}`, async () => {
				const { path, port } = container[probe].httpGet;
				assert.equal(await getStatus(url(port, path)), 200);
			});
		}

		it('serve metrics where the annotations of the pods say', async () => {
			const { annotations } = find('Deployment', 'nodes').spec.template.metadata;
			const response = await fetch(`http://${address}:${annotations['prometheus.io/port']}${annotations['prometheus.io/path']}`);
			assert.match(await response.text(), /^caddy_socketio_connections\{/m);
		});

		it('serve clients, and nothing else, on the port of the service', async () => {
			const socket = openSocket(context, kind(4, 'upgrade'), url('http', ''));
			await awaitConnect(socket);
			assert.equal((await emitWithAck(socket, 'join', 'everybody')).length, 1);
			const response = await fetch(url('http', '/metrics'));
			assert.equal(await response.text(), '');
			assert.equal(await getStatus(url('internal', '/socketio/sockets')), 403);
		});

		it('drain the node before it stops', async () => {
			const socket = openSocket(context, kind(4, 'websocket'), url('http', ''));
			await awaitConnect(socket);
			const reason = new Promise((resolve) => {
				socket.on('disconnect', resolve);
			});
			const command = preStop.replace(/\d+/g, '1').replace('caddy', process.env.CADDY);
			const hook = spawn('sh', ['-c', command], { env: { ...process.env, CADDY_ADMIN: `${address}:2019` } });
			assert.deepEqual(await once(hook, 'exit'), [0, null]);
			assert.equal(await reason, 'transport close');
			assert.equal(await getStatus(url('http', '/socket.io/?EIO=4&transport=polling')), 503);
		});
	});
});
