const colour = (code: number) => (text: string) => (process.stdout.isTTY ? `\u001b[${code}m${text}\u001b[0m` : text);
const bold = colour(1);
const dim = colour(2);
const startedAt = Date.now();

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** A chapter of the story. */
export const chapter = (title: string): void => print(`\n${bold(title)}`);

/** Something that happened, with the seconds since the start. */
export const say = (text: string): void =>
  print(`${dim(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)} s`)}  ${text}`);

/** Something that came over the bus by itself. */
export const heard = (subject: string, text: string): void => say(`${colour(36)(subject)}  ${text}`);

export const secondsSinceStart = (): number => (Date.now() - startedAt) / 1000;
