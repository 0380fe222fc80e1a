import fc from 'fast-check';
import { overheadFigures, upperFigure } from './overhead.js';
import { assess } from './resources.service.js';
import { wrapAmounts } from './thresholds.js';

const limits = { tokens: 1000, requests: 100, seconds: 60, memoryMb: 512 };

it.each([
  ['simple', { tokens: 900, requests: 90, seconds: 54, memoryMb: 409.6 }],
  ['standard', { tokens: 850, requests: 85, seconds: 54, memoryMb: 409.6 }],
  ['complex', { tokens: 800, requests: 80, seconds: 48, memoryMb: 409.6 }],
] as const)('of a %s task are where its kind of work says', (complexity, amounts) => {
  expect(wrapAmounts(limits, complexity, {})).toEqual(amounts);
});

it('are lower where handing over costs more than what is left otherwise, and warned of before', () => {
  const wrapAt = wrapAmounts(limits, 'standard', { tokens: 300, seconds: 2 });
  expect(wrapAt).toMatchObject({ tokens: 700, seconds: 54 });
  expect(assess(limits, { tokens: 670, seconds: 0 }, wrapAt).level).toBe('warning');
  expect(assess(limits, { tokens: 700, seconds: 0 }, wrapAt)).toMatchObject({ level: 'wrap', resource: 'tokens' });
});

it('always keep a reserve, leave half to the work, and give a hand-over that fits its room', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1, max: 1e9, noNaN: true }),
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.constantFrom('simple' as const, 'standard' as const, 'complex' as const),
      (limit, handoff, complexity) => {
        const { tokens } = wrapAmounts({ tokens: limit }, complexity, { tokens: handoff });
        expect(tokens).toBeLessThanOrEqual(limit * 0.95);
        expect(tokens).toBeGreaterThanOrEqual(limit * 0.5);
        if (handoff <= limit / 2) expect(tokens! + handoff).toBeLessThanOrEqual(limit * (1 + 1e-9));
      },
    ),
  );
});

describe('what the next hand-over will cost', () => {
  it('is not known by one or two', () => {
    expect(upperFigure([5, 9])).toBeUndefined();
    expect(upperFigure([5, 9, 7])).toBe(11.25);
  });

  it('is more than nine in ten took, and not what the odd one out did', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1000, noNaN: true }), { minLength: 10, maxLength: 50 }),
        (samples) => {
          const figure = upperFigure([...samples, 1e9])!;
          expect(figure).toBeLessThanOrEqual(1250);
          expect(samples.filter((one) => one <= figure).length).toBeGreaterThanOrEqual(
            Math.floor(samples.length * 0.9),
          );
        },
      ),
    );
  });

  it("is told by the task's own sessions, else by others of its executor", () => {
    const session = (tokens: number) => ({ handoff: { tokens }, resume: {} });
    const like = [session(100), session(100), session(100)];
    expect(overheadFigures([session(900)], like).handoff).toEqual({ tokens: 125 });
    expect(overheadFigures([session(900), session(800), session(800)], like).handoff).toEqual({ tokens: 1125 });
  });
});
