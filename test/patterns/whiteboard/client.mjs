// Socket.IO's whiteboard: every stroke reaches everyone else.

export default async function run({ visit }) {
	const [ada, alan, grace] = [await visit('ada'), await visit('alan'), await visit('grace')];
	const stroke = { x0: 0.1, y0: 0.25, x1: 0.5, y1: 1, color: 'black' };
	for (let i = 0; i < 50; i++) ada.emit('drawing', { ...stroke, x1: i / 50 });
	for (const other of [alan, grace]) {
		for (let i = 0; i < 50; i++) await other.expect('drawing', { ...stroke, x1: i / 50 });
	}
	grace.emit('drawing', stroke);
	for (const other of [ada, alan]) await other.expect('drawing', stroke);
	alan.leave();
	ada.emit('drawing', { png: Buffer.from([0, 255]) });
	await grace.expect('drawing', { png: Buffer.from([0, 255]) });
}
