/** `*` stands for any characters; everything else for itself. */
export function namePattern(patterns: readonly string[]): (name: string) => boolean {
  const all = patterns.map((text) => new RegExp(`^${text.split('*').map(escaped).join('.*')}$`, 's'));
  return (name) => all.some((one) => one.test(name));
}

const escaped = (text: string): string => text.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
