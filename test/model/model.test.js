// Random programs of official clients on one node and on clusters, judged by a model of
// rooms: each message comes to whoever must get it, once, in the order of its emitter,
// and to no other. MODEL_PROGRAMS is the number of programs on each topology,
// MODEL_SEED the seed of the first, MODEL_ROUNDS how many rounds each has.

import { after, before, describe, it } from 'node:test';
import { redisMissing } from '../e2e/lib/redis.js';
import { Nodes, topologies } from './lib/nodes.js';
import { Program } from './lib/program.js';

const { MODEL_PROGRAMS = 1, MODEL_SEED = 1, MODEL_ROUNDS = 15 } = process.env;

for (const [name, topology] of Object.entries(topologies)) {
	const skip = topology.cluster ? redisMissing : false;
	describe(`programs on ${name}`, { skip }, () => {
		let nodes;
		before(async () => {
			nodes = await Nodes.start(topology);
		});
		after(() => nodes?.stop());

		for (let i = 0; i < Number(MODEL_PROGRAMS); i++) {
			const seed = Number(MODEL_SEED) + i;
			it(`seed ${seed}`, { timeout: 120_000 }, async (t) => {
				const program = new Program(seed, topology, nodes);
				await program.run(t, Number(MODEL_ROUNDS));
				t.diagnostic(`${program.received} messages received`);
			});
		}
	});
}
