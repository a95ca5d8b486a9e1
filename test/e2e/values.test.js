// How values, rooms and targets are read: of languages with other types, of empty lists,
// and of halves of characters.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from './lib/app.js';
import { Caddy, run } from './lib/caddy.js';
import { connectSocket, emitWithAck, Inbox, inboxes, kind } from './lib/clients.js';
import { describeWithCaddy, namespace, socketio, test } from './lib/rules.js';

const websocket = kind(4, 'websocket');
const there = (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;

// The replies of programs in each language. Each does the same: it keeps no data, joins the
// rooms a, 42 and b, emits to a list that is empty, and acknowledges 7.
const languages = {
	PHP: {
		command: (code) => ['php', '-r', code],
		code: `
			$same = ['data' => [], 'leave' => [], 'emit' => [['event' => 'no', 'to' => []]], 'error' => null];
			$list = array_filter(['a', '', 42, null, 'b']);
			echo json_encode($same + ['join' => $list, 'ack' => [7]]), "\\n\\x1e";
			echo "\\xef\\xbb\\xbf", json_encode($same + ['join' => $list, 'ack' => array_filter([0, 7])], JSON_PRETTY_PRINT), "\\r\\n\\x1e";
			echo json_encode($same + ['join' => ['a', 42.0, 'b'], 'ack' => [7]], JSON_PRESERVE_ZERO_FRACTION), "\\x1e";`,
		quiet: 'echo json_encode([]);',
	},
	Python: {
		command: (code) => ['python3', '-c', code],
		code: `
import json
same = {"data": {}, "leave": [], "emit": [{"event": "no", "to": [], "except": None}], "error": None, "disconnect": None}
print(json.dumps({**same, "join": ("a", 42, "b"), "ack": [7]}), end="\\x1e")
print(json.dumps({**same, "join": ["a", 42.0, "b"], "ack": [7]}, indent=2), end="\\x1e")
print(json.dumps({**same, "join": {0: "a", 2: 42, 5: "b"}, "ack": {1: 7}}, ensure_ascii=False), end="\\x1e")`,
		quiet: 'print("null")',
	},
	Ruby: {
		command: (code) => ['ruby', '-rjson', '-e', code],
		code: `
same = {data: {}, leave: [], emit: [{event: :no, to: [], args: nil}], error: nil}
print same.merge(join: [:a, 42, "b"], ack: [7]).to_json, "\\x1e"
print JSON.pretty_generate(same.merge(join: ["a", 42.0, "b"], ack: [7])), "\\n\\x1e"`,
		quiet: 'puts({}.to_json)',
	},
	Go: {
		command: (code) => ['go', 'run', code],
		file: 'main.go',
		code: `package main

import (
	"encoding/json"
	"fmt"
)

type emit struct {
	Event string
	To    []string
	Args  []any
}

func main() {
	var none []string
	for _, join := range []any{[]any{"a", 42, "b"}, []any{"a", json.Number("42"), "b"}, []any{"a", 4.2e1, "b"}} {
		text, err := json.Marshal(map[string]any{
			"data": map[string]any(nil), "leave": none, "join": join, "ack": []int{7}, "error": (*int)(nil),
			"emit": []map[string]any{{"event": "no", "to": []string{}, "args": none}},
		})
		if err != nil {
			panic(err)
		}
		fmt.Print(string(text), "\\x1e")
	}
}`,
	},
};

// output returns the text that a program prints.
function output(t, { command, file }, code) {
	let program = code;
	if (file) {
		const dir = mkdtempSync(join(tmpdir(), 'caddy-e2e-values-'));
		t.after(() => rmSync(dir, { recursive: true }));
		program = join(dir, file);
		writeFileSync(program, code);
	}
	const [name, ...args] = command(program);
	const { status, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8' });
	assert.equal(status, 0, stderr);
	return stdout;
}

const asksApp = (app) => socketio(`namespace / {\non * {\nbackend {\nreverse_proxy ${app.address}\n}\n}\n}`);

for (const [name, language] of Object.entries(languages)) {
	const [command] = language.command('');
	test(`a backend in ${name} may answer as ${name} writes JSON`, { skip: !there(command) && `${command} is not installed` }, async (t) => {
		const answers = output(t, language, language.code).split('\x1e').slice(0, -1);
		assert.ok(answers.length >= 2);
		const app = await App.start(t);
		const caddy = await Caddy.start(asksApp(app));
		t.after(() => caddy.stop());
		for (const answer of answers) {
			const socket = await connectSocket(t, websocket, caddy.url);
			const got = new Inbox(socket, 'no');
			app.answer = () => [200, answer];
			assert.deepEqual(await emitWithAck(socket, 'do'), [7], answer);
			app.answer = () => [200, { ack: ['done'] }];
			assert.deepEqual(await emitWithAck(socket, 'look'), ['done']);
			const { rooms, data } = app.of('event', 'look').at(-1).body.socket;
			assert.deepEqual([rooms, data, got.all], [[socket.id, 'a', '42', 'b'], {}, []], answer);
		}
		if (language.quiet) {
			const socket = await connectSocket(t, websocket, caddy.url);
			app.answer = ({ body }) => [200, body.event === 'quiet' ? output(t, language, language.quiet) : { ack: ['next'] }];
			socket.emit('quiet');
			assert.deepEqual(await emitWithAck(socket, 'next'), ['next']);
		}
	});
}

test('a warning of PHP before the JSON is shown in the log', { skip: !there('php') && 'php is not installed' }, async (t) => {
	const app = await App.start(t);
	const caddy = await Caddy.start(asksApp(app));
	t.after(() => caddy.stop());
	const answer = output(t, languages.PHP, 'ini_set("display_errors", "1"); ini_set("html_errors", "1"); echo $missing; echo json_encode(["ack" => [1]]);');
	const socket = await connectSocket(t, websocket, caddy.url);
	app.answer = () => [200, answer];
	assert.deepEqual(await emitWithAck(socket, 'do'), [{ error: 'service unavailable' }]);
	await caddy.stop(); // its log is complete then
	assert.match(caddy.log.join('\n'), /the reply is not a JSON object: invalid character .* it is HTML of \d+ bytes/);
});

test('an empty list of rooms in an answer reaches nobody', async (t) => {
	const app = await App.start(t);
	const caddy = await Caddy.start(socketio(`
		namespace / {
			on * {
				backend {
					reverse_proxy ${app.address}
				}
			}
		}
		namespace /other {
		}`));
	t.after(() => caddy.stop());
	const [a, b] = await Promise.all([1, 2].map(() => connectSocket(t, websocket, caddy.url)));
	const other = await connectSocket(t, websocket, `${caddy.url}/other`);
	const got = inboxes([a, b, other], 'news');
	const emits = [
		{ to: [] },
		{ to: {} },
		{ to: [], except: [] },
		{ to: [], except: [], broadcast: false },
		{ to: [], broadcast: true, include_sender: true },
		{ to: [], except: ['nobody'] },
		{ to: [], namespace: '/other' },
	].map((target) => ({ event: 'news', args: ['nobody'], ...target }));
	const others = [
		{ to: null, except: null, args: ['itself'] },
		{ to: null, except: [], args: ['itself, too'] },
		{ to: null, broadcast: true, include_sender: true, except: [], args: ['all'] },
		{ to: null, namespace: '/other', args: ['other'] },
	].map((emit) => ({ event: 'news', ...emit }));
	app.answer = () => [200, { join: [], leave: [], emit: [...emits, ...others], ack: ['ok'] }];
	assert.deepEqual(await emitWithAck(a, 'do'), ['ok']);
	for (const inbox of got) await inbox.has(1);
	assert.deepEqual(got.map((inbox) => inbox.all.flat()), [['itself', 'itself, too', 'all'], ['all'], ['other']]);
});

const handlers = `
	on lists {
		set to {event.args.0}
		emit news "to" {
			to {socket.data.to}
		}
		emit news included {
			to {socket.data.to}
			include_sender
		}
		emit news "broadcast" {
			to {socket.data.to}
			broadcast
		}
		emit news "except" {
			except {socket.data.to}
		}
		join {socket.data.to}
		leave {socket.data.to}
		ack {socket.rooms}
	}
	on values {
		ack \`{"a":{event.args.0},"b":["{event.args.1}",{event.args.2}]}\` "{event.args.1}, {" {event.args.1}
	}
	on "say as" {
		emit {event.args.0} 1 {
			broadcast
		}
		ack ok
	}
	on "join user" {
		join user:{event.args.0}
		ack {socket.rooms}
	}
	on "say text" {
		emit news "<{event.args.0}>" {
			broadcast
		}
		ack \`{"{event.args.0}":1}\`
	}
`;

describeWithCaddy('values', socketio(namespace('/', handlers)), (caddy) => {
	const several = (t, n) => Promise.all(Array.from({ length: n }, () => connectSocket(t, websocket, caddy().url)));

	test('an empty list in place of rooms is nobody', async (t) => {
		const [a, b] = await several(t, 2);
		const got = inboxes([a, b], 'news');
		assert.deepEqual(await emitWithAck(a, 'lists', []), [[a.id]]);
		assert.deepEqual(await emitWithAck(a, 'lists', {}), [[a.id]]);
		await emitWithAck(a, 'lists', [b.id]);
		await got[1].has(5);
		assert.deepEqual(got.map((inbox) => inbox.all.flat()), [[], ['except', 'except', 'to', 'included', 'broadcast']]);
	});

	test('the admin API and the command line reach nobody by an empty list or name', async (t) => {
		const [a, b] = await several(t, 2);
		const got = inboxes([a, b], 'news');
		const nobody = { event: 'news', args: ['nobody'], to: [] };
		assert.deepEqual(await caddy().emit(nobody), { delivered: 0 });
		assert.deepEqual(await caddy().emit([nobody, nobody]), { emits: 2, delivered: 0, errors: [] });
		const { body } = await caddy().post('/socketio/emit', `${JSON.stringify(nobody)}\n`, 'application/x-ndjson');
		assert.deepEqual(body, { emits: 1, delivered: 0, errors: [] });
		for (const [operation, more] of [['join', { rooms: ['x'] }], ['leave', { rooms: [a.id] }], ['disconnect', {}]]) {
			assert.deepEqual((await caddy().post(`/socketio/${operation}`, { in: [], ...more })).body, { sockets: 0 });
		}
		assert.deepEqual((await caddy().get('/socketio/sockets?in=')).body, []);
		const address = ['--address', caddy().admin];
		for (const args of [['emit', 'news', 'nobody', '--to', ''], ['emit', 'news', '--to='], ['disconnect', '--in', ''], ['join', 'x', '--in', ''], ['leave', a.id, '--in', '']]) {
			const { code, stdout } = await run(['socketio', ...args, ...address]);
			assert.equal(code, 0);
			assert.match(stdout, / 0 sockets on this node/);
		}
		assert.deepEqual(JSON.parse((await run(['socketio', 'sockets', '--in', '', '--json', ...address])).stdout), []);
		assert.equal((await run(['socketio', 'emit', 'news', 'all', ...address])).code, 0);
		for (const [i, socket] of [a, b].entries()) {
			await got[i].has(1);
			assert.deepEqual([got[i].all, await emitWithAck(socket, 'rooms')], [[['all']], [[socket.id]]]);
		}
	});

	test('placeholders in JSON are values, inside and outside of quotes', async (t) => {
		const [a] = await several(t, 1);
		assert.deepEqual(await emitWithAck(a, 'values', { x: [1] }, 'two', 3.5), [{ a: { x: [1] }, b: ['two', 3.5] }, 'two, {', 'two']);
		const [answer] = await emitWithAck(a, 'values', Buffer.from('one'), '"', null);
		assert.deepEqual([Buffer.from(answer.a).toString(), answer.b], ['one', ['"', null]]);
	});

	test('what begins like JSON and is not is refused, with the spelling that works', async (t) => {
		const [a] = await several(t, 1);
		const got = new Inbox(a, 'news');
		const emit = (...args) => run(['socketio', 'emit', 'news', ...args, '--address', caddy().admin]);
		const { code, stderr } = await emit('{"a":1,}');
		assert.equal(code, 1);
		assert.match(stderr, /argument 2: \{"a":1,\} begins like JSON but is not/);
		const spelling = stderr.match(/write text as `(.*)` with the quotes/)[1];
		assert.equal((await emit(spelling.replaceAll('\\\\', '\\'), '{"a":1}')).code, 0);
		await got.has(1);
		assert.deepEqual(got.all, [['{"a":1,}', { a: 1 }]]);
		const site = socketio(namespace('/', 'on x {\nack `{"a":1,}`\n}'));
		const { status, body } = await caddy().load(site);
		assert.equal(status, 400);
		assert.match(body.error, /ack: argument 0: \{"a":1,\} begins like JSON but is not.*at Caddyfile:\d+/);
	});

	test('halves of characters make no names', async (t) => {
		const [a, b] = await several(t, 2);
		const halves = ['r\ud83d', 'r\ud83e', '\ude00r'];
		for (const half of halves) {
			for (const [event, ...args] of [['join', half], ['join', ['a', half]], ['leave', half], ['to', half, 1], ['join user', half], ['say as', half], [half]]) {
				const [{ error }] = await emitWithAck(a, event, ...args);
				assert.match(error, /^bad (room|event) name: /);
			}
			for (const [operation, body] of [['join', { rooms: [half] }], ['emit', { event: 'news', to: [half] }], ['emit', { event: half }], ['disconnect', { in: [half] }], ['emit', { event: 'news', namespace: `/${half}` }]]) {
				const { status, body: answer } = await caddy().post(`/socketio/${operation}`, body);
				assert.equal(status, 400, JSON.stringify(answer));
			}
		}
		assert.deepEqual(await emitWithAck(a, 'join', ['r\ufffd', 'r😀']), [[a.id, 'r\ufffd', 'r😀']]);
		assert.deepEqual((await caddy().get('/socketio/sockets?in=r%EF%BF%BD')).body.map(({ id }) => id), [a.id]);
		assert.deepEqual(await emitWithAck(b, 'rooms'), [[b.id]]);
	});

	test('payload with halves of characters arrives as it is', async (t) => {
		const [a, b] = await several(t, 2);
		const got = new Inbox(b, 'news');
		for (const half of ['\ud83d', '\ude00', 'a\ud83eb']) {
			const payload = { text: half, [half]: [half], number: 1.5 };
			assert.deepEqual(await emitWithAck(a, 'echo', payload), [payload, null]);
			assert.deepEqual(await emitWithAck(a, 'say text', half), [{ [half]: 1 }]);
			await caddy().emit({ event: 'news', to: [b.id], args: [payload] });
			await got.has(2);
			assert.deepEqual(got.all.splice(0), [[`<${half}>`], [payload]]);
		}
	});
});
