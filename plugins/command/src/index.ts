import { chooseUser } from '@purser/guard';
import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { z } from 'zod';
import { CommandExecutor } from './command.executor.js';

export { CommandExecutor, type CommandExecutorOptions } from './command.executor.js';
export { CommandInput } from './input.js';

const id = z.number().int().min(0).max(0xfffffffe);

const Config = z.strictObject({
  /** Whom programs run as when Purser was started as root; `nobody` otherwise. */
  user: z.strictObject({ uid: id, gid: id }).optional(),
  /** Names of further variables that programs inherit, such as a proxy's. Never name one that holds a secret of Purser's. */
  inherit: z
    .array(
      z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable, such as "HTTPS_PROXY"')
        .refine((name) => !name.startsWith('PURSER_'), 'variables that start with PURSER_ are not passed on'),
    )
    .default([]),
});

export default definePlugin({
  name: 'command',
  apiVersion: PLUGIN_API_VERSION,
  config: Config,
  capabilities: {
    executor: (_context, { user, inherit }) =>
      new CommandExecutor({
        user: chooseUser(user, process.getuid?.() ?? -1),
        inherit,
        environment: process.env,
      }),
  },
});
