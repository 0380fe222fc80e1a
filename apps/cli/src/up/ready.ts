import { dirname } from 'node:path';
import { budgetsList, emergencyStatus, modelsList } from '@purser/contracts';
import { ControlApi } from '../api/control-api.js';
import { describe } from '../commands/command.js';
import type { Home } from '../home.js';
import { readSecret } from '@purser/service';
import type { Running } from './installation.js';
import type { Ready } from './ready-text.js';

const ASK_WITHIN_MS = 5_000;

export interface ReadyOptions {
  running: Running;
  home: Home;
  logFile: string | null;
  startedAt: number;
}

/** Asks the running services, as any client would, what a person should know of their state. */
export async function askReady({ running, home, logFile, startedAt }: ReadyOptions): Promise<Ready> {
  const { nats, postgres, urls } = running;
  const api = new ControlApi(urls.orchestrator, () => readSecret(home.adminKey));
  const signal = AbortSignal.timeout(ASK_WITHIN_MS);
  const unknown = (error: unknown) => ({ unknown: describe(error) });
  const { placeFolders } = await import('@purser/agent-runner');
  const [providers, latch, unlimited, agents] = await Promise.all([
    api.call(modelsList, {}, signal).then((reply) => reply.providers, unknown),
    api.call(emergencyStatus, {}, signal).then((reply) => reply.latch, unknown),
    api.call(budgetsList, { only: 'general' }, signal).then(({ budgets }) => budgets.length === 0, unknown),
    // The same that the runner took: it asks for the same data folder.
    placeFolders(home.root),
  ]);
  return {
    seconds: Math.round(performance.now() - startedAt) / 1000,
    gatewayUrl: urls['model-gateway'],
    apiUrl: urls.orchestrator,
    natsUrl: nats.shownUrl,
    toolsUrlFile: nats.toolsUrl === undefined ? null : home.natsUrl,
    adminKeyFile: home.adminKey,
    logFile,
    postgresMovedTo: postgres.movedTo ?? null,
    agentsMovedTo: agents.movedFrom === undefined ? null : dirname(agents.workspaces),
    providers,
    latch,
    unlimited,
  };
}
