// Submits a task by a plain NATS publish: any NATS client in any language does the same.
//   node examples/publish-task.mjs '{"executor": "command", "input": {"argv": ["sh", "-c", "echo hello"]}}'
import { readFileSync } from 'node:fs';
import { connect } from '@nats-io/transport-node';

const task = process.argv[2];
if (task === undefined) throw new Error('give the task as JSON, as in the first line of this file');
const url = new URL(process.env.NATS_URL ?? readFileSync('.purser/nats.url', 'utf8').trim());
const nats = await connect({ servers: url.host, user: url.username, pass: url.password });
nats.publish('tasks.submit', task);
await nats.drain();
console.log('published; a task that cannot be taken comes back on task.rejected.<id>');
