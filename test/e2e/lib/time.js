// Deadlines: nothing in these tests waits for ever, and nothing sleeps.

export const patience = 10_000; // ms for one thing to happen

// within is the promise's result, or an error that names what did not happen.
export function within(promise, what, ms = patience) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// heard is the list of arguments of the emitter's next such event, or of the
// next one of which the condition holds.
export function heard(emitter, event, condition = () => true) {
	let listener;
	const arrived = new Promise((resolve) => {
		listener = (...args) => condition(...args) && resolve(args);
		emitter.on(event, listener);
	});
	const result = within(arrived, `event ${event}`).finally(() => emitter.off(event, listener));
	result.catch(() => {}); // a test that failed before may never look at it
	return result;
}

// watch counts again and again until it is stopped, and is what numbers there were.
export function watch(count) {
	const seen = new Set();
	let stopped = false;
	const done = (async () => {
		while (!stopped) seen.add(await count());
	})();
	return async () => {
		stopped = true;
		await done;
		return [...seen];
	};
}
