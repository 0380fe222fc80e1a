import { Grade } from '@purser/contracts';
import { z } from 'zod';

const Told = z.object({ grade: z.number(), why: z.string().optional() });
const MAX_WHY = 2_000;

/** What a grader said: a number from 0 to 1 as its last line, or JSON with `grade` and `why`, alone or within other text. */
export function readGrade(text: string, by: string): Grade {
  const told = sayingOf(text);
  if (told === undefined) return noGrade(by, `it gave no grade from 0 to 1: ${clip(text.trim()) || 'it said nothing'}`);
  const { grade, why } = told;
  if (!(grade >= 0 && grade <= 1)) return noGrade(by, `its grade is ${grade}, not from 0 to 1`);
  return { grade, why: why === undefined ? null : clip(why), by };
}

export const noGrade = (by: string, why: string): Grade => ({ grade: null, why: clip(why), by });

function sayingOf(text: string): z.infer<typeof Told> | undefined {
  const trimmed = text.trim();
  const lastLine = trimmed.split('\n').at(-1)?.trim() ?? '';
  const inText = trimmed.slice(trimmed.indexOf('{'), trimmed.lastIndexOf('}') + 1);
  for (const candidate of [trimmed, lastLine, inText]) {
    const value = parsed(candidate);
    if (typeof value === 'number') return { grade: value };
    const told = Told.safeParse(value);
    if (told.success) return told.data;
  }
  return undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const clip = (text: string): string => (text.length > MAX_WHY ? `${text.slice(0, MAX_WHY - 1)}…` : text);
