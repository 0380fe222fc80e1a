// Delivers each item to an address, once, over as many sessions as it takes, with @purser/agent.
//   purser task submit -- node /path/to/examples/agents/deliver.mjs http://localhost:9000/inbox "first item" "second item"
import { connect, NothingDone, UnknownOutcome } from '@purser/agent';

const [address, ...items] = process.argv.slice(2);
const purser = await connect();

async function deliver(item) {
  const response = await fetch(address, { method: 'POST', body: item }).catch((error) => {
    // Nobody there: nothing was delivered. Any other trouble may have come after it was.
    throw error.cause?.code === 'ECONNREFUSED' ? new NothingDone(`${address} is not there`) : error;
  });
  if (!response.ok) throw new NothingDone(`${address} answers ${response.status}`);
  return 'delivered';
}

await purser.units(
  items,
  async (item, { index }) => {
    try {
      await purser.effect(`deliver-${index + 1}`, () => deliver(item));
    } catch (error) {
      if (!(error instanceof UnknownOutcome)) throw error;
      console.error(`nobody knows whether item ${index + 1} was delivered: look at the other side`);
    }
  },
  { saveEveryMs: 0 },
);
purser.done({ delivered: items.length });
