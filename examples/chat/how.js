// The drawer that shows how an event happened: the rule that handled or emitted it, and
// its packets.

import { Rules, highlight } from './rules.js';

const $ = (id) => document.getElementById(id);

function element(tag, className, text) {
	const e = document.createElement(tag);
	if (className) e.className = className;
	if (text !== undefined) e.textContent = text;
	return e;
}

export class How {
	#rules = new Rules('');
	#wire;
	#chosen; // an event, or nothing to follow the newest
	#shown = '';

	constructor(wire) {
		this.#wire = wire;
		$('show').addEventListener('click', () => this.#toggle($('how').hidden));
		$('hide').addEventListener('click', () => this.#toggle(false));
		$('how').addEventListener('keydown', (event) => event.key === 'Escape' && this.#toggle(false));
		this.#load();
	}

	async #load() {
		const response = await fetch('rules');
		if (response.ok) this.#rules = new Rules(await response.text());
		this.draw();
	}

	#toggle(open) {
		$('how').hidden = !open;
		$('show').setAttribute('aria-expanded', String(open));
		this.#chosen = undefined;
		if (!open) $('show').focus();
		this.draw();
	}

	draw() {
		const { events } = this.#wire;
		if ($('how').hidden) return;
		if (!events.includes(this.#chosen)) this.#chosen = undefined;
		const event = this.#chosen ?? events[0];
		const shown = JSON.stringify([events, events.indexOf(event), Boolean(this.#chosen)]);
		if (shown === this.#shown || !event) return;
		this.#shown = shown;
		this.#drawEvents(events, event);
		this.#drawRule(event);
		$('packets').replaceChildren(...event.packets.map(packet));
	}

	#drawEvents(events, current) {
		const focus = [...$('events').children].findIndex((li) => li.contains(document.activeElement));
		$('events').replaceChildren(...events.map((event) => {
			const button = element('button', event.sent ? 'sent' : 'received', event.name);
			button.type = 'button';
			button.title = event.sent ? 'sent by this page' : 'received by this page';
			button.prepend(element('span', 'arrow', event.sent ? '↑' : '↓'));
			if (event === current) button.setAttribute('aria-current', 'true');
			button.addEventListener('click', () => {
				this.#chosen = event === events[0] ? undefined : event;
				this.draw();
			});
			const li = element('li');
			li.append(button);
			return li;
		}));
		if (focus >= 0) $('events').children[Math.max(0, events.indexOf(current))].querySelector('button').focus();
	}

	#drawRule({ name, sent }) {
		const rule = sent || name === 'connect' ? this.#rules.handlerOf(name) : this.#rules.emitterOf(name);
		$('rule-title').textContent = rule ? `Caddyfile, lines ${rule.first}–${rule.first + rule.lines.length - 1}` : 'No rule';
		if (!rule) {
			$('lines').replaceChildren(element('span', 'comment', sent ? `No rule names ${name}.` : 'From outside of the rules: the admin API, for instance.'));
			return;
		}
		$('lines').replaceChildren(...rule.lines.map((line, i) => {
			const row = element('span', 'line');
			row.dataset.number = rule.first + i;
			row.append(...highlight(line).map(({ text, kind }) => element('span', kind ?? '', text)), '\n');
			return row;
		}));
	}
}

function packet({ sent, text, transport }) {
	const li = element('li', sent ? 'sent' : 'received');
	const arrow = element('span', 'arrow', sent ? '↑' : '↓');
	arrow.append(element('span', 'hidden', sent ? 'sent: ' : 'received: '));
	li.append(arrow, element('code', '', text), element('small', '', transport));
	return li;
}
