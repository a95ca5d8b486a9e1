// An answer of a language model arrives token by token, and can be stopped.

import { equal } from '../lib/visitor.js';

export default async function run({ visit }) {
	const [ada, alan] = [await visit('ada'), await visit('alan')];
	equal(await ada.ask('ask', 'one two three'), [{ done: true }]);
	for (const token of ['one', 'two', 'three']) await ada.expect('token', token);

	// A stop ends an answer that would take minutes. Another client's goes on.
	const endless = Array.from({ length: 100_000 }, (_, i) => `${i}`).join(' ');
	const stopped = ada.ask('ask', endless);
	const words = Array.from({ length: 200 }, (_, i) => `${i}`);
	const whole = alan.ask('ask', words.join(' '));
	for (let i = 0; i < 3; i++) await ada.expect('token', `${i}`);
	ada.emit('stop');
	equal(await stopped, [{ error: 'canceled' }]);
	const rest = ada.drain();
	equal(rest, rest.map((_, i) => ['token', `${i + 3}`]));
	equal(await whole, [{ done: true }]);
	for (const word of words) await alan.expect('token', word);

	// The next answer begins as if nothing had happened.
	ada.emit('stop');
	equal(await ada.ask('ask', 'again'), [{ done: true }]);
	await ada.expect('token', 'again');

	// A client that leaves stops its answer.
	alan.emit('ask', endless, () => {});
	await alan.expect('token', '0');
	alan.leave();
	alan.drain();
}
