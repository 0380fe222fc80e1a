import { isDeepStrictEqual } from 'node:util';
import type { Component } from './component.js';

export interface Changes {
  added: string[];
  changed: string[];
  removed: string[];
}

/** What is otherwise than before, by name. */
export function changesOf(before: readonly Component[], now: readonly Component[]): Changes {
  const known = new Map(before.map((one) => [one.name, one]));
  const there = new Set(now.map(({ name }) => name));
  const names = (all: readonly Component[]) => all.map(({ name }) => name).sort();
  return {
    added: names(now.filter(({ name }) => !known.has(name))),
    changed: names(now.filter((one) => known.has(one.name) && !isDeepStrictEqual(one, known.get(one.name)))),
    removed: names(before.filter(({ name }) => !there.has(name))),
  };
}
