import { z } from 'zod';
import { fact } from './contract.js';
import { Instant } from './scalars.js';

export const AlertSeverity = z.enum(['info', 'warning', 'critical']);
export type AlertSeverity = z.infer<typeof AlertSeverity>;

export const Alert = z.object({
  severity: AlertSeverity,
  /** One token, such as `budget_exhausted`, `spike`, `lease_presumed`, `task_rejected`. */
  kind: z.string().regex(/^[a-z_]{1,64}$/),
  title: z.string(),
  details: z.record(z.string(), z.unknown()),
  at: Instant,
});
export type Alert = z.infer<typeof Alert>;

const alert = (severity: AlertSeverity, summary: string) =>
  fact(`alert.${severity}`, { by: 'cost-watchdog', id: 'kind', stream: 'FACTS', summary, data: Alert });

export const alertInfo = alert('info', 'Worth knowing.');
export const alertWarning = alert('warning', 'Somebody should look today.');
export const alertCritical = alert('critical', 'Somebody should look now.');
export const alertFacts = { info: alertInfo, warning: alertWarning, critical: alertCritical };
