// Official clients on each transport that reconnect until they have the event "done". They print
// the numbers that each received, as JSON: node network_clients.mjs URL

import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../e2e/package.json', import.meta.url));
const { io } = require('socket.io-client-4');
const url = process.argv[2];

function startClient(name, transports) {
	const client = { name, numbers: [], connects: 0, recovered: 0 };
	const socket = io(url, {
		agent: new http.Agent({ keepAlive: false }),
		forceNew: true,
		transports,
		reconnectionDelay: 100,
		reconnectionDelayMax: 500,
		timeout: 5000,
	});
	socket.on('connect', () => {
		client.connects++;
		if (socket.recovered) client.recovered++;
		if (client.connects === 1) console.log('connected');
	});
	socket.on('said', (n) => client.numbers.push(n));
	return new Promise((resolve) => {
		socket.on('done', () => {
			socket.close();
			resolve(client);
		});
	});
}

const clients = [];
for (const [name, transports] of Object.entries({ polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] })) {
	for (let i = 0; i < 2; i++) clients.push(startClient(name, transports));
}
console.log(JSON.stringify(await Promise.all(clients)));
process.exit();
