// The official parsers of Engine.IO and Socket.IO, and notepack.io, for comparison with ours.
//
//   node parsers.js corpus   writes inputs with their results into testdata of internal/eio, sio and internal/msgpack
//   node parsers.js serve    reads an input a line and writes its result a line, for fuzzing
//
// An input has the name of a protocol and a text, or bytes in base64. Its result is what every official
// parser of the protocol returns; where they differ, the result is {"differ":true}.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);

// requireFrom loads a package as another one sees it.
function requireFrom(name, ...parents) {
	let directory = import.meta.url;
	for (const parent of parents) directory = createRequire(directory).resolve(parent);
	return createRequire(directory)(name);
}

const engine3 = [requireFrom('engine.io-parser', 'socket.io-client-2', 'engine.io-client'), requireInternal('engine.io', 'parser-v3/index.js')];
const engine4 = [
	requireFrom('engine.io-parser', 'socket.io-client-3', 'engine.io-client'),
	requireFrom('engine.io-parser', 'socket.io', 'engine.io'),
];
const socket4 = [requireFrom('socket.io-parser', 'socket.io-client-2')];
const socket5 = [requireFrom('socket.io-parser', 'socket.io-client-3'), requireFrom('socket.io-parser', 'socket.io')];

// The encoders of MessagePack that the adapters and emitters of Node.js use.
const packers = [requireFrom('notepack.io', '@socket.io/redis-adapter'), requireFrom('notepack.io', 'socket.io-emitter')];

// requireInternal loads a file beside the main file of a package.
function requireInternal(name, file) {
	const main = require.resolve(name);
	return require(`${main.slice(0, main.lastIndexOf('/'))}/${file}`);
}

// describePacket returns a packet of Engine.IO as JSON, or undefined for an error.
function describePacket({ type, data }) {
	if (type === undefined || type === 'error') return undefined;
	if (typeof data === 'string' || data === undefined) return { type, text: data ?? '' };
	return { type, bytes: Buffer.from(data).toString('base64') };
}

// collectPackets decodes a payload with the callbacks of revision 3.
function collectPackets(decode) {
	const packets = [];
	decode((packet) => {
		packets.push(describePacket(packet));
	});
	return packets;
}

// decoders lists, by protocol, the parsers and how each of them decodes an input.
const decoders = {
	'engine 3 payload': [engine3, (parser, { text }) => collectPackets((add) => parser.decodePayload(text, add))],
	'engine 3 binary payload': [engine3, (parser, input) => collectPackets((add) => parser.decodePayloadAsBinary(readBytes(input), add))],
	'engine 3 message': [engine3, (parser, input) => [describePacket(parser.decodePacket(readMessage(input)))]],
	'engine 4 payload': [engine4, (parser, { text }) => parser.decodePayload(text).map(describePacket)],
	'engine 4 message': [engine4, (parser, input) => [describePacket(parser.decodePacket(readMessage(input)))]],
	notepack: [packers, (packer, { text }) => {
		const value = JSON.parse(text);
		return [{ type: 'notepack', text: JSON.stringify(value), bytes: Buffer.from(packer.encode(value)).toString('base64') }];
	}],
	'socket 4': [socket4, decodeSocket],
	'socket 5': [socket5, decodeSocket],
};

const readBytes = (input) => Buffer.from(input.bytes ?? '', 'base64');
const readMessage = (input) => (input.bytes === undefined ? input.text : readBytes(input));

// decodeSocket decodes a text and its attachments.
function decodeSocket(parser, { text, attachments = [] }) {
	const decoder = new parser.Decoder();
	const packets = [];
	decoder.on('decoded', ({ type, nsp, id, data }) => {
		if (nsp === undefined) throw new Error(data); // client 2 emits an error packet
		if (type === 5 || type === 6) type -= 3;
		packets.push({ type, namespace: nsp, id: id ?? null, data: JSON.stringify(data, replaceBinary) ?? '' });
	});
	decoder.add(text);
	if (typeof decoder.reconstructor === 'object' && decoder.reconstructor !== null) {
		for (const attachment of attachments) {
			if (packets.length > 0) break;
			decoder.add(Buffer.from(attachment, 'base64'));
		}
	}
	return packets;
}

// replaceBinary writes binary as the admin API does. A Buffer has become an object by its toJSON.
function replaceBinary(_key, value) {
	if (value?.type === 'Buffer' && Array.isArray(value.data)) return { $binary: Buffer.from(value.data).toString('base64') };
	return value;
}

// decode returns the result of an input.
function decode(input) {
	const [parsers, decodeWith] = decoders[input.protocol];
	const results = parsers.map((parser) => {
		try {
			const packets = decodeWith(parser, input);
			return packets.includes(undefined) ? { error: true } : { packets };
		} catch {
			return { error: true };
		}
	});
	const differ = results.some((result) => JSON.stringify(result) !== JSON.stringify(results[0]));
	return differ ? { differ: true } : results[0];
}

// Corpus makes inputs: those that official encoders write, and changed ones. The same seed makes the same.
class Corpus {
	#state = 1;

	random(below) {
		this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
		return Math.floor((this.#state / 2 ** 32) * below);
	}

	pick(list) {
		return list[this.random(list.length)];
	}

	// value returns JSON, with Buffers in some places.
	value(depth, binary) {
		const kind = this.random(depth > 0 ? 10 : 6);
		if (kind === 0) return this.pick([null, true, false]);
		if (kind === 1) return this.pick([0, -1, 1.5, 1e21, 2 ** 53, -0.000001, this.random(1000)]);
		if (kind === 2 && binary) return Buffer.from(Array.from({ length: this.random(6) }, () => this.random(256)));
		if (kind < 6) return this.pick(['', 'a', 'é', '€', '🚀', '\ud800', '"\\', '\u0000\n', ',/?-', '{}', '[', 'message', '4', 'b4']);
		if (kind < 8) return Array.from({ length: this.random(4) }, () => this.value(depth - 1, binary));
		return Object.fromEntries(Array.from({ length: this.random(3) }, () => [this.pick(['a', 'b', 'num', 'é', '']), this.value(depth - 1, binary)]));
	}

	// change returns a text with some characters replaced, removed, repeated or added.
	change(text) {
		const marks = ['', '0', '1', '-', ',', '/', '?', ':', '"', '[', ']', '{', '}', ' ', 'b', 'b4', '9', '\x1e', 'é', '🚀', '\\', '=', '51-'];
		const characters = [...text];
		for (let i = this.random(3); i >= 0; i--) {
			const at = this.random(characters.length + 1);
			characters.splice(at, this.random(3), this.random(3) ? this.pick(marks) : characters[this.random(characters.length)] ?? '');
		}
		return characters.join('').toWellFormed();
	}

	// packet returns a packet of Socket.IO.
	packet(binary) {
		const type = this.pick([0, 1, 2, 2, 2, 2, 3]);
		const packet = { type, nsp: this.pick(['/', '/', '/chat', '/org-1/é']) };
		if (type >= 2) packet.data = [...(type === 2 ? [this.pick(['message', 'é', '', '🚀 "'])] : []), ...Array.from({ length: this.random(3) }, () => this.value(3, binary))];
		if (type === 0 && this.random(2)) packet.data = { token: this.value(2, false) };
		if (type === 3 || (type === 2 && this.random(2))) packet.id = this.random(100000);
		return packet;
	}
}

// encodeSocket returns the messages of a packet: a text and attachments.
async function encodeSocket(parser, packet, protocol) {
	if (protocol === 'socket 5') return new parser.Encoder().encode(packet);
	if (JSON.stringify(packet.data)?.includes('"type":"Buffer"')) packet.type += 3;
	return new Promise((resolve) => new parser.Encoder().encode(packet, resolve));
}

// socketInputs makes the inputs of one protocol of Socket.IO.
async function socketInputs(corpus, protocol, count) {
	const inputs = [];
	for (let i = 0; i < count; i++) {
		const parser = corpus.pick(decoders[protocol][0]);
		const packet = corpus.packet(true);
		if (protocol === 'socket 4' && packet.type === 0) delete packet.data;
		const [text, ...attachments] = await encodeSocket(parser, packet, protocol);
		const input = { protocol, text: text.toWellFormed(), attachments: attachments.map((a) => Buffer.from(a).toString('base64')) };
		if (attachments.length === 0) delete input.attachments;
		inputs.push({ ...input, encoded: true }, { ...input, text: corpus.change(input.text) });
	}
	return inputs;
}

// encodeEngine returns what an encoder of Engine.IO writes.
const encodeEngine = (encode) => new Promise((resolve) => encode(resolve));

// engineInputs makes the inputs of one revision of Engine.IO.
async function engineInputs(corpus, revision, count) {
	const inputs = [];
	const add = (kind, encoded, more) => {
		const protocol = `engine ${revision} ${kind}`;
		if (typeof encoded !== 'string') return inputs.push({ protocol, bytes: Buffer.from(encoded).toString('base64'), encoded: true, ...more });
		return inputs.push({ protocol, text: encoded, encoded: true }, { protocol, text: corpus.change(encoded) });
	};
	for (let i = 0; i < count; i++) {
		const parser = corpus.pick(revision === 3 ? engine3 : engine4);
		const packets = Array.from({ length: 1 + corpus.random(3) }, () => {
			const data = corpus.value(0, true);
			if (Buffer.isBuffer(data)) return { type: 'message', data };
			return { type: corpus.pick(['close', 'ping', 'pong', 'message', 'message', 'upgrade', 'noop']), data: corpus.random(2) ? String(data).toWellFormed() : undefined };
		});
		if (revision === 3) {
			add('payload', await encodeEngine((done) => parser.encodePayload(packets, false, done)));
			add('binary payload', await encodeEngine((done) => parser.encodePayloadAsBinary(packets, done)));
			add('message', await encodeEngine((done) => parser.encodePacket(packets[0], true, false, done)));
		} else {
			add('payload', await encodeEngine((done) => parser.encodePayload(packets, done)));
			add('message', await encodeEngine((done) => parser.encodePacket(packets[0], true, done)));
		}
	}
	return inputs;
}

// packInputs makes JSON for notepack.
function packInputs(corpus, count) {
	const inputs = [];
	for (let i = 0; i < count; i++) inputs.push({ protocol: 'notepack', text: JSON.stringify(corpus.value(4, false)), encoded: true });
	for (const size of [15, 16, 31, 32, 33, 255, 256]) {
		inputs.push({ protocol: 'notepack', text: JSON.stringify('a'.repeat(size)), encoded: true });
		inputs.push({ protocol: 'notepack', text: JSON.stringify(Array(size).fill(0)), encoded: true });
		inputs.push({ protocol: 'notepack', text: JSON.stringify(Object.fromEntries(Array.from({ length: size }, (_, n) => [`k${n}`, null]))), encoded: true });
	}
	for (const edge of [7, 8, 15, 16, 31, 32]) {
		for (const offset of [-1, 0, 1]) {
			inputs.push({ protocol: 'notepack', text: `[${2 ** edge + offset},${-(2 ** edge) + offset}]`, encoded: true });
		}
	}
	return inputs;
}

// writeCorpus writes the inputs with their results, one a line.
function writeCorpus(file, inputs) {
	const lines = new Set();
	for (const input of inputs) {
		const result = decode(input);
		if (input.encoded && !result.packets) throw new Error(`official parsers reject ${JSON.stringify(input)}: ${JSON.stringify(result)}`);
		lines.add(JSON.stringify({ ...input, ...result }));
	}
	writeFileSync(new URL(file, import.meta.url), `${[...lines].join('\n')}\n`);
}

if (process.argv[2] === 'corpus') {
	const corpus = new Corpus();
	writeCorpus('../../internal/eio/testdata/official.jsonl', [...(await engineInputs(corpus, 3, 70)), ...(await engineInputs(corpus, 4, 90))]);
	writeCorpus('../../sio/testdata/official.jsonl', [...(await socketInputs(corpus, 'socket 4', 120)), ...(await socketInputs(corpus, 'socket 5', 160))]);
	writeCorpus('../../internal/msgpack/testdata/official.jsonl', packInputs(corpus, 300));
} else {
	for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(decode(JSON.parse(line)))}\n`);
}
