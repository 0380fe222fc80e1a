// A runner of its own, for specs that kill it: runs one session from the sources and prints how it ended.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(name, context, next) {
    if (name === '@purser/guard')
      return next(new URL('../../../libs/guard/src/index.ts', import.meta.url).href, context);
    const source = context.parentURL?.endsWith('.ts') && name.startsWith('./') ? name.replace(/\.js$/, '.ts') : name;
    return next(source, context);
  },
});

const { CommandExecutor } = await import('./command.executor.ts');
const { options, session } = JSON.parse(process.argv[2]);
const executor = new CommandExecutor({ ...options, environment: process.env });
const never = new AbortController().signal;

const result = await executor.run({
  ...session,
  aliveWithinMs: session.aliveWithinMs && (() => session.aliveWithinMs),
  wrap: never,
  kill: never,
  log: (stream, line) => console.log(JSON.stringify({ stream, line })),
  checkpoint: () => Promise.resolve(),
  writeHandoff: () => Promise.resolve(),
  progress: () => undefined,
});
console.log(JSON.stringify({ result }));
