// Emits through Redis from outside the cluster: each line of its input is one payload.
//
//	node emitter.js --redis HOST:PORT --room ROOM

import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Emitter } from '@socket.io/redis-emitter';
import Redis from 'ioredis';

const { values } = parseArgs({ options: { redis: { type: 'string' }, room: { type: 'string' } } });
const [host, port] = values.redis.split(':');
const redis = new Redis(Number(port), host);
const room = new Emitter(redis).to(values.room);
await redis.ping();
console.log('ready');
for await (const payload of createInterface({ input: process.stdin })) room.emit('msg', payload);
await redis.quit();
