// CodeMirror's collaborative editor: each client has one pull open at any time, whose
// acknowledgement waits for a change, and pushes its changes beside it.

import { collab, getSyncedVersion, receiveUpdates, sendableUpdates } from '@codemirror/collab';
import { ChangeSet, EditorState } from '@codemirror/state';
import { equal } from '../lib/visitor.js';

// Editor is the state of CodeMirror, with the calls that its view plugin makes.
class Editor {
	static async open(visitor, clientID) {
		const editor = new Editor();
		editor.visitor = visitor;
		const [startVersion, doc] = await visitor.ask('getDocument');
		editor.state = EditorState.create({ doc, extensions: collab({ startVersion, clientID }) });
		return editor;
	}

	get text() {
		return this.state.doc.toString();
	}

	get version() {
		return getSyncedVersion(this.state);
	}

	type(from, insert) {
		this.state = this.state.update({ changes: { from, insert } }).state;
	}

	async push() {
		const updates = sendableUpdates(this.state).map(({ clientID, changes }) => ({ clientID, changes: changes.toJSON() }));
		const [accepted] = await this.visitor.ask('pushUpdates', this.version, updates);
		return accepted;
	}

	async pull() {
		const [updates] = await this.visitor.ask('pullUpdates', this.version);
		const parsed = updates.map(({ clientID, changes }) => ({ clientID, changes: ChangeSet.fromJSON(changes) }));
		this.state = receiveUpdates(this.state, parsed).state;
		return parsed.length;
	}
}

export default async function run({ visit }) {
	const ada = await Editor.open(await visit('ada'), 'ada');
	const alan = await Editor.open(await visit('alan'), 'alan');
	equal([ada.version, ada.text], [0, 'Start document']);

	// Both wait for changes, and push beside it.
	const pulls = [ada.pull(), alan.pull()];
	ada.type(0, 'A: ');
	equal(await ada.push(), true);
	equal(await Promise.all(pulls), [1, 1]);
	equal([ada.text, alan.text, alan.version], ['A: Start document', 'A: Start document', 1]);

	// A push to an old version is refused. After a pull it is accepted.
	alan.type(alan.text.length, '!');
	ada.type(3, 'The ');
	equal(await ada.push(), true);
	equal(await alan.push(), false);
	equal([await ada.pull(), await alan.pull()], [1, 1]);
	equal(await alan.push(), true);
	equal([await ada.pull(), await alan.pull()], [1, 1]);
	for (const { text, version } of [ada, alan]) equal([version, text], [3, 'A: The Start document!']);

	// Several updates in one push, with a pull open all the while.
	const open = [ada.pull(), alan.pull()];
	for (const letter of ['x', 'y', 'z']) alan.type(0, letter);
	equal(await alan.push(), true);
	equal(await Promise.all(open), [3, 3]);
	equal(ada.text, 'zyxA: The Start document!');

	// Ten clients at once: each retries until its change is in, and all agree.
	const editors = await Promise.all(Array.from({ length: 10 }, async (_, i) => Editor.open(await visit(`editor ${i}`), `editor ${i}`)));
	await Promise.all(editors.map(async (editor, i) => {
		editor.type(0, `${i}`);
		while (!await editor.push()) await editor.pull();
	}));
	for (const editor of [ada, alan, ...editors]) while (editor.version < 16) await editor.pull();
	for (const { text } of editors) equal(text, ada.text);
	equal([...ada.text.slice(0, 10)].sort().join(''), '0123456789');

	// A client that comes late begins with the text of the others.
	const late = await Editor.open(await visit('late'), 'late');
	equal([late.version, late.text], [16, ada.text]);

	// A client may leave while its pull is open.
	late.visitor.emit('pullUpdates', 16, () => {});
	late.visitor.leave();
	ada.type(0, '.');
	equal(await ada.push(), true);
	equal(await alan.pull(), 1);
}
