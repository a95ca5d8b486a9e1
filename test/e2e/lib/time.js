// Deadlines: nothing in these tests waits for ever, and nothing sleeps.

export const deadlineMs = 30_000; // ms for one thing to happen

// withDeadline is the promise's result, or an error that names the missing event.
export function withDeadline(promise, what, ms = deadlineMs) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// awaitEvent resolves to the arguments of the emitter's next such event, or of the
// next one for which the condition holds.
export function awaitEvent(emitter, event, condition = () => true) {
	let listener;
	const arrived = new Promise((resolve) => {
		listener = (...args) => condition(...args) && resolve(args);
		emitter.on(event, listener);
	});
	const result = withDeadline(arrived, `event ${event}`).finally(() => emitter.off(event, listener));
	result.catch(() => {}); // a test that failed before may never await it
	return result;
}

// sampleCounts counts again and again until it is stopped, and resolves to the numbers seen.
export function sampleCounts(count) {
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
