import { array, assert, integer, property, string } from 'fast-check';
import { Excerpt, excerpt } from './excerpt.js';

/** The note in the middle. */
const NOTE = 80;
/** Half of a character. */
const HALF = /\p{Cs}/u;

it('shows a short text as it is, and of a long one the beginning and the end', () => {
  expect(excerpt('short', 10)).toBe('short');
  const shown = excerpt(`begin${'x'.repeat(1_000)}end`, 30);
  expect(shown).toMatch(/^beginx+\n\[… 978 of 1008 characters left out\]\nx+end$/);
});

it('keeps what was added in pieces as it keeps the whole, and never more', () => {
  const text = string({ unit: 'grapheme', maxLength: 60 });
  assert(
    property(array(text, { maxLength: 40 }), integer({ min: 10, max: 200 }), (pieces, most) => {
      const kept = new Excerpt(most);
      for (const piece of pieces) kept.add(piece);
      const whole = pieces.join('');
      const shown = kept.toString();
      if (whole.length <= most) expect(shown).toBe(whole);
      else expect(shown.length).toBeLessThanOrEqual(most + NOTE);
      expect(shown).not.toMatch(HALF);
      expect(excerpt(whole, most)).not.toMatch(HALF);
    }),
  );
});
