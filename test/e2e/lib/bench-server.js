// A Node.js server for the benchmark: on a port, with the Redis on another.

import { createAdapter } from '@socket.io/redis-adapter';
import IORedis from 'ioredis';
import { Server } from 'socket.io';

const [port, redis] = process.argv.slice(2).map(Number);
const pub = new IORedis(redis);
const io = new Server(port, { adapter: createAdapter(pub, pub.duplicate()) });
io.on('connection', (socket) => socket.join(socket.handshake.query.room));
process.send('up');
