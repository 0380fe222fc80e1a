import type { EmergencyReport, ShutdownTarget } from '@purser/contracts';
import { costChart } from './cost-chart.js';
import { type Html, html, join } from './html.js';

const STYLE = `
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2330; }
  h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
  table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d8dce4; vertical-align: top; }
  .bad { color: #a3141a; font-weight: 600; } .good { color: #14693a; } .quiet { color: #5b6475; }
  svg { width: 100%; height: auto; } pre { white-space: pre-wrap; background: #f3f5f8; padding: .8rem; }`;

const FATES: Record<ShutdownTarget['fate'], { words: string; look: string }> = {
  stopped: { words: 'stopped', look: 'good' },
  killed: { words: 'killed', look: 'good' },
  gone: { words: 'had ended', look: 'good' },
  alive: { words: 'STILL RUNS', look: 'bad' },
  over_cap: { words: 'STILL RUNS: too many targets', look: 'bad' },
  protected: { words: 'protected', look: 'quiet' },
  left: { words: 'left alone', look: 'quiet' },
  would_stop: { words: 'would be stopped', look: 'quiet' },
};

const when = (instant: string): string => `${instant.slice(0, 19).replace('T', ' ')} UTC`;

/** A page that needs nothing else to be read: no script, no request, whatever stands in a container's name. */
export function reportPage(report: EmergencyReport): string {
  const { latch, stillCosting } = report;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <meta name="viewport" content="width=device-width" />
        <title>Emergency ${latch.serial}: ${latch.reason}</title>
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <h1>Emergency ${latch.serial}: ${latch.reason}</h1>
        <p>Set by <strong>${latch.by}</strong> at ${when(latch.at)}.</p>
        <h2>What still costs money</h2>
        ${
          stillCosting.items.length === 0
            ? html`<p class="good">Nothing that is known.</p>`
            : html`<p class="bad">At least $${stillCosting.usdPerHour} an hour.</p>
                ${rows(
                  ['what', 'dollars an hour'],
                  stillCosting.items.map(({ what, usdPerHour }) => [what, usdPerHour ?? 'not known']),
                )}`
        }
        ${problems(report)}
        <h2>Containers and programs</h2>
        ${
          report.targets.length === 0
            ? html`<p>None were found.</p>`
            : rows(
                ['what', 'name', 'fate', 'why and how', 'at'],
                report.targets.map(({ kind, id, name, fate, detail, at }) => [
                  `${kind} ${id.slice(0, 12)}`,
                  name,
                  html`<span class="${FATES[fate].look}">${FATES[fate].words}</span>`,
                  detail,
                  when(at),
                ]),
              )
        }
        <h2>Services</h2>
        ${rows(
          ['service', 'instance', 'stopped', 'at'],
          [
            ...report.acknowledgements.map(({ service, instance, stopped, at }) => [
              service,
              instance,
              stopped.length === 0 ? 'had nothing to stop' : stopped.join(', '),
              when(at),
            ]),
            ...report.missing.map(({ service, instance }) => [
              service,
              instance,
              html`<span class="bad">has not acknowledged</span>`,
              '',
            ]),
          ],
        )}
        <h2>Costs by the hour, the two days before</h2>
        ${costChart(report.history, latch.at)}
        <h2>The hour before</h2>
        ${
          report.byModel.length === 0
            ? html`<p>Nothing was spent.</p>`
            : rows(
                ['provider', 'model', 'dollars', 'calls'],
                report.byModel.map(({ provider, model, usd, requests }) => [provider, model, usd, String(requests)]),
              )
        }
        ${
          report.evidence
            ? html`<h2>Evidence</h2>
                <p>${report.evidence.title}</p>
                <pre>${JSON.stringify(report.evidence.details, null, 2)}</pre>`
            : ''
        }
        <h2>Steps</h2>
        ${rows(
          ['step', 'at', 'watchdog'],
          report.steps.map(({ step, at, watchdog }) => [step, at, watchdog]),
        )}
      </body>
    </html> `.text;
}

function problems({ problems }: EmergencyReport): Html | '' {
  if (problems.length === 0) return '';
  return html`<h2>Could not be done</h2>
    <ul>
      ${join(problems.map((one) => html`<li class="bad">${one}</li>`))}
    </ul>`;
}

function rows(heads: readonly string[], lines: readonly (readonly (string | Html)[])[]): Html {
  const head = join(heads.map((text) => html`<th>${text}</th>`));
  const body = join(
    lines.map(
      (cells) =>
        html`<tr>
          ${join(cells.map((cell) => html`<td>${cell}</td>`))}
        </tr> `,
    ),
  );
  return html`<table>
    <thead>
      <tr>
        ${head}
      </tr>
    </thead>
    <tbody>
      ${body}
    </tbody>
  </table>`;
}

/** Text of ours, which is markup as it is. */
const raw = (text: string): Html => ({ text });
