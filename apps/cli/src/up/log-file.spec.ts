import { terminalLine } from './log-file.js';

const plain = (_: string, text: string) => text;
const line = (fields: object) =>
  `${JSON.stringify({ time: '2026-11-23T10:00:00.000Z', service: 'model-gateway', ...fields })}\n`;

describe('log lines on the terminal', () => {
  it('shows warnings and errors with their service and reason', () => {
    const shown = terminalLine(
      line({ level: 'error', msg: 'call failed', provider: 'openai', error: { message: 'refused', stack: 'at x' } }),
      plain,
    );
    expect(shown).toMatch(/^\d\d:\d\d:\d\d error model-gateway: call failed \(refused\) provider=openai\n$/);
    expect(terminalLine(line({ level: 'warn', msg: 'odd' }), plain)).toContain('warning model-gateway: odd');
  });

  it('leaves the rest to the file, also what only quotes a warning', () => {
    expect(terminalLine(line({ level: 'info', msg: 'started' }), plain)).toBeUndefined();
    expect(
      terminalLine(line({ level: 'info', msg: 'said "level":"warn"', quoted: { level: 'warn' } }), plain),
    ).toBeUndefined();
    expect(terminalLine('not JSON "level":"warn"', plain)).toBeUndefined();
  });
});
