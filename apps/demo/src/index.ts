import { Audience } from './audience.js';
import { Client } from './client.js';
import { setStage } from './stage.js';
import { tell } from './story.js';
import { chapter, heard, say, secondsSinceStart } from './terminal.js';

const usd = (nano: bigint) => `$${(Number(nano) / 1e9).toFixed(6)}`;

/** What of a fact is worth a line; undefined for the many small ones. */
function remark({ subject, data }: { subject: string; data: Record<string, unknown> }): string | undefined {
  if (subject.startsWith('budget.'))
    return `spent $${(data.window as { settledUsd: string }).settledUsd} of $${String(data.limitUsd)}`;
  if (subject.startsWith('alert.')) return String(data.title);
  if (subject.startsWith('task.continued.')) return String(data.reason);
  if (/^task\.(started|completed|failed)\./.test(subject)) return `epoch ${String(data.epoch)}`;
  if (subject.startsWith('emergency.acknowledged.'))
    return (data.stopped as string[]).join('; ') || 'nothing was running';
  if (subject.startsWith('emergency.')) return `${String(data.by)}: ${String(data.reason)}`;
  return undefined;
}

/** Runs the demo; rejects when anything of it did not happen. */
export async function runDemo(purserBin: string): Promise<void> {
  chapter(
    'Purser, the main job in a minute. The models are a demo: a local server with made-up answers and prices of its own.',
  );
  say('starting Purser in a temporary folder, on free ports');
  const stage = await setStage(purserBin);
  const stop = () => void stage.stop().then(() => process.exit(130));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    say(`ready: gateway ${stage.gatewayUrl}, control API ${stage.apiUrl}`);
    const audience = await Audience.join(stage, (fact) => {
      const text = remark(fact);
      if (text !== undefined) heard(fact.subject, text);
    });
    const client = new Client(stage);
    await tell(stage, client, audience).finally(() => audience.leave());
    const { body } = await client.api('GET', '/v1/costs');
    chapter(
      `Done in ${secondsSinceStart().toFixed(0)} s. The model server billed ${usd(stage.provider.counters.billedNano)}; Purser's ledger says $${String(body.monthUsd)}.`,
    );
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    await stage.stop();
  }
}
