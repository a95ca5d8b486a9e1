// The blocks of a Caddyfile that handle and emit events, found by the name of an event.

// split returns the words of a line, without quotes. A placeholder is one word.
const split = (line) => [...line.matchAll(/"((?:\\.|[^"])*)"|`([^`]*)`|\S+/g)].map((m) => m[1] ?? m[2] ?? m[0]);

// The handlers and options after which the name of an event stands.
const emitters = { emit: 1, members: 2 };

export class Rules {
	#blocks = [];

	constructor(text) {
		const lines = text.split('\n');
		for (let i = 0; i < lines.length; i++) {
			const [, indent, kind, words] = lines[i].match(/^(\t+)(on|presence)\b(.*)\{$/) ?? [];
			if (!kind) continue;
			let end = i;
			while (end < lines.length && lines[end] !== indent + '}') end++;
			let start = i;
			while (lines[start - 1]?.startsWith(indent + '#')) start--;
			this.#blocks.push({
				handles: kind === 'on' ? split(words) : [],
				emits: lines.slice(i + 1, end).flatMap((line) => emitted(split(line), kind)),
				first: start + 1,
				lines: lines.slice(start, end + 1).map((line) => line.replace(indent, '')),
			});
			i = end;
		}
	}

	// handlerOf returns the rule for an event of a client.
	handlerOf(event) {
		return this.#blocks.find(({ handles }) => handles.includes(event));
	}

	// emitterOf returns the block that emits an event.
	emitterOf(event) {
		return this.#blocks.find(({ emits }) => emits.includes(event));
	}
}

// emitted returns the names of the events that a line emits.
function emitted(words, kind) {
	if (kind === 'presence') return words[0] === 'join' || words[0] === 'leave' ? [words[1]] : [];
	return Object.entries(emitters).flatMap(([handler, place]) => {
		const at = words.indexOf(handler);
		return at < 0 ? [] : [words[at + place]];
	});
}

const parts = /(?<comment>^\s*#.*)|(?<text>"(?:\\.|[^"])*"|`[^`]*`)|(?<placeholder>\{[^{}\s]+\})|(?<word>\b(?:on|presence|emit|join|leave|ack|set|to|in|all|broadcast|volatile|members|history|disconnect)\b(?![:.]))/g;

// highlight returns the parts of a line, each with its kind.
export function highlight(line) {
	const found = [];
	let end = 0;
	for (const m of line.matchAll(parts)) {
		const [kind] = Object.entries(m.groups).find(([, value]) => value !== undefined);
		found.push({ text: line.slice(end, m.index) }, { text: m[0], kind });
		end = m.index + m[0].length;
	}
	return [...found, { text: line.slice(end) }].filter(({ text }) => text);
}
