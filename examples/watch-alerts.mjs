// Prints every alert and every change of a budget's level, as another tool would take them.
//   node examples/watch-alerts.mjs [how many]
import { readFileSync } from 'node:fs';
import { connect } from '@nats-io/transport-node';

const url = new URL(process.env.NATS_URL ?? readFileSync('.purser/nats.url', 'utf8').trim());
const nats = await connect({ servers: url.host, user: url.username, pass: url.password });
let left = Number(process.argv[2] ?? Infinity);

const print = (error, message) => {
  if (error) throw error;
  const { type, data } = message.json();
  console.log(type, JSON.stringify(data));
  left -= 1;
  if (left === 0) void nats.drain();
};
for (const subject of ['alert.>', 'budget.>', 'emergency.shutdown', 'emergency.cleared'])
  nats.subscribe(subject, { callback: print });
await nats.closed();
