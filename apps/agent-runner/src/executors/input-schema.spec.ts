import { z } from 'zod';
import { inputSchema } from './input-schema.js';

const takes = (input: z.ZodType, value: unknown): boolean => {
  const schema = inputSchema(input);
  return schema !== undefined && z.fromJSONSchema(schema).safeParse(value).success;
};

describe('the schema that a runner announces', () => {
  it('says which fields there are, what they are, and what is said of them', () => {
    const input = z.strictObject({
      argv: z.array(z.string()).min(1).describe('the program'),
      cwd: z.string().optional(),
      tries: z.number().default(1),
    });
    expect(inputSchema(input)).toMatchObject({ properties: { argv: { description: 'the program' } } });
    expect(takes(input, { argv: ['ls'] })).toBe(true);
    for (const wrong of [{}, { argv: 'ls' }, { argv: [] }, { argv: [1] }, { argv: ['ls'], shell: true }]) {
      expect([wrong, takes(input, wrong)]).toEqual([wrong, false]);
    }
  });

  it.each<[string, z.ZodType, unknown]>([
    ['a coerced number', z.coerce.number(), '5'],
    ['an optional coerced number', z.coerce.number().optional(), '5'],
    ['a caught value', z.number().catch(1), 'x'],
    ['a preprocessed value', z.preprocess(Number, z.number()), '5'],
    ['a field that is caught when it is missing', z.object({ a: z.number().catch(1) }), {}],
    ['a field that is made up when it is missing', z.object({ a: z.preprocess((v) => v ?? 1, z.number()) }), {}],
    ['a pattern with flags', z.string().regex(/^a$/i), 'A'],
    ['a trimmed text', z.string().trim().max(1), ' a '],
    ['a time of day', z.iso.time(), '10:00'],
    ['a transformed text', z.string().transform(Number), '5'],
    ['a default', z.object({ a: z.number().default(1) }), {}],
    ['an unknown field of a loose object', z.object({ a: z.number() }), { a: 1, b: 2 }],
    ['one of several shapes', z.union([z.object({ a: z.string() }), z.object({ b: z.number() })]), { b: 2 }],
    ['what has no JSON Schema', z.custom<string>((value) => value === 'x'), 'x'],
  ])('does not refuse %s that the executor takes', (_, input, value) => {
    expect(input.safeParse(value).success).toBe(true);
    expect(takes(input, value)).toBe(true);
  });

  it('is left out when another library made the schema, or when it is large', () => {
    expect(inputSchema({ safeParse: () => ({ success: true }) } as unknown as z.ZodType)).toBeUndefined();
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`field${index}`, z.string()]));
    expect(inputSchema(z.object(many))).toBeUndefined();
  });
});
