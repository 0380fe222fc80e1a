// Submits a task by a plain NATS publish: any NATS client in any language does the same.
//   node examples/publish-task.mjs '{"executor": "command", "input": {"argv": ["sh", "-c", "echo hello"]}}'
import { readFileSync } from 'node:fs';
import { connect } from '@nats-io/transport-node';

const url = new URL(process.env.NATS_URL ?? readFileSync('.purser/nats.url', 'utf8').trim());
const nats = await connect({ servers: url.host, user: url.username, pass: url.password });
nats.publish('tasks.submit', process.argv[2]);
await nats.drain();
