import type { EmergencyReport } from '@purser/contracts';
import { type Html, html, join } from './html.js';

const HOUR_MS = 3_600_000;
const HOURS = 49;
const [WIDTH, HEIGHT] = [980, 260];
const EDGE = { left: 70, right: 10, top: 10, bottom: 40 };

/** A bar for each hour up to the one in which the latch was set, and a line at that moment. */
export function costChart(history: EmergencyReport['history'], latchAt: string): Html {
  if (history.length === 0) return html`<p>Nothing was spent.</p>`;
  const last = Math.floor(Date.parse(latchAt) / HOUR_MS) * HOUR_MS + HOUR_MS;
  const first = last - (HOURS - 1) * HOUR_MS;
  const highest = Math.max(...history.map(({ usd }) => Number(usd)), 1e-9);
  const step = (WIDTH - EDGE.left - EDGE.right) / HOURS;
  const x = (at: number) => EDGE.left + ((at - first) / HOUR_MS) * step;
  const y = (usd: number) => HEIGHT - EDGE.bottom - (usd / highest) * (HEIGHT - EDGE.top - EDGE.bottom);
  const bars = history
    .filter(({ hour }) => Date.parse(hour) >= first && Date.parse(hour) <= last)
    .map(({ hour, usd }) => {
      const top = y(Math.max(0, Number(usd)));
      return html`<rect
        x="${rounded(x(Date.parse(hour)) + 1)}"
        y="${rounded(top)}"
        width="${rounded(step - 2)}"
        height="${rounded(Math.max(1, HEIGHT - EDGE.bottom - top))}"
        fill="#3b6fb5"
        ><title>${hour.slice(0, 16)} UTC: $${usd}</title></rect
      >`;
    });
  const marks = [highest, highest / 2, 0].map(
    (usd) =>
      html`<text x="${EDGE.left - 8}" y="${rounded(y(usd) + 4)}" text-anchor="end" font-size="12">$${amount(usd)}</text
        ><line
          x1="${EDGE.left}"
          x2="${WIDTH - EDGE.right}"
          y1="${rounded(y(usd))}"
          y2="${rounded(y(usd))}"
          stroke="#d8dce4"
        />`,
  );
  const hours = [0, 12, 24, 36, 48].map((index) => {
    const at = first + index * HOUR_MS;
    return html`<text x="${rounded(x(at))}" y="${HEIGHT - EDGE.bottom + 18}" font-size="12"
      >${new Date(at).toISOString().slice(5, 16).replace('T', ' ')}</text
    >`;
  });
  const set = rounded(x(Date.parse(latchAt)));
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Dollars spent by the hour">
    ${join(marks)}${join(bars)}${join(hours)}
    <line x1="${set}" x2="${set}" y1="${EDGE.top}" y2="${HEIGHT - EDGE.bottom}" stroke="#a3141a" stroke-width="2">
      <title>the latch was set</title>
    </line>
  </svg>`;
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
const amount = (usd: number): string => (usd === 0 ? '0' : usd.toPrecision(3));
