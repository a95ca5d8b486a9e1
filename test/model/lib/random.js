// Random numbers that a seed determines, so that a program can be run again.

// Random is the generator mulberry32.
export class Random {
	#state;

	constructor(seed) {
		this.#state = seed >>> 0;
	}

	// next returns a number from 0 up to and not including 1.
	next() {
		this.#state = (this.#state + 0x6d2b79f5) >>> 0;
		let t = this.#state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	}

	// below returns an integer from 0 up to and not including n.
	below(n) {
		return Math.floor(this.next() * n);
	}

	// chance returns true with a probability of p.
	chance(p) {
		return this.next() < p;
	}

	// pick returns one of the list.
	pick(list) {
		return list[this.below(list.length)];
	}

	// some returns from 1 to max different members of the list.
	some(list, max) {
		const rest = [...list];
		return Array.from({ length: Math.min(1 + this.below(max), rest.length) }, () => rest.splice(this.below(rest.length), 1)[0]);
	}
}
