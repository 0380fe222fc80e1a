/** `*` stands for any characters, `?` for one; everything else for itself. `voice.coreml*` is also what lies below `voice.coreml`. */
export function namePattern(patterns: readonly string[]): (name: string) => boolean {
  const all = patterns.map((text) => new RegExp(`^${[...text].map(asExpression).join('')}(\\..*)?$`, 's'));
  return (name) => all.some((one) => one.test(name));
}

function asExpression(character: string): string {
  if (character === '*') return '.*';
  if (character === '?') return '.';
  return character.replace(/[.+^${}()|[\]\\]/, String.raw`\$&`);
}
