import type { Caller } from './caller.js';

export interface Asked {
  /** Null when the caller named a model. */
  capability: string | null;
  provider: string;
  model: string;
}

/** `*` stands for any run of characters. In time that grows with the lengths alone: no regular expression. */
export function globMatches(glob: string, text: string): boolean {
  const [first = '', ...rest] = glob.split('*');
  if (rest.length === 0) return glob === text;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}

/**
 * Whether a key may have a call served by a model. A key with a list of models gets these alone, whatever the capability
 * asked for; one with a list of capabilities gets no others, and models by their name only if they are listed too.
 */
export function allows({ rules }: Caller, { capability, provider, model }: Asked): boolean {
  if (!rules) return true;
  const { capabilities, models } = rules;
  if (models && !models.some((glob) => globMatches(glob, model) || globMatches(glob, `${provider}/${model}`)))
    return false;
  if (!capabilities) return true;
  return capability === null ? models !== null : capabilities.includes(capability);
}
