import { z } from 'zod';

const text = (what: string, most: number) =>
  z
    .string(`${what} must be a string`)
    .max(most, `${what} may have ${most} characters at most; put the rest into a file of the workspace`)
    .refine((value) => !value.includes('\0'), `${what} must hold no NUL character`);

const Variables = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable, such as "GITHUB_TOKEN"'),
  text('the value of a variable', 32_000),
);

const common = {
  timeoutSeconds: z
    .number()
    .positive()
    .max(3600)
    .default(120)
    .describe('the longest that one call of a tool of this server may take'),
  only: z.array(z.string().min(1)).optional().describe('names of the tools that are offered; all when absent'),
};

const StdioServer = z.strictObject({
  command: text('command', 4_000).min(1, 'must name a program, such as "npx"').describe('the program of the server'),
  args: z.array(text('an argument', 32_000)).max(1_000).default([]).describe('its arguments'),
  env: Variables.default({}).describe(
    'its variables; their values are left out of what is logged or shown to the model',
  ),
  ...common,
});

const HttpServer = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: 'an address, such as "https://example.com/mcp"' })
    .describe('where the server speaks streamable HTTP'),
  headers: z
    .record(z.string(), text('the value of a header', 32_000))
    .default({})
    .describe('sent with every request; their values are left out of what is logged or shown to the model'),
  ...common,
});

/** A server of tools, as the Model Context Protocol knows them: a program of this machine, or an address. */
export const McpServer = z.union([StdioServer, HttpServer], {
  error: 'a server is {"command": "npx", "args": [...], "env": {...}} or {"url": "https://...", "headers": {...}}',
});
export type McpServer = z.output<typeof McpServer>;
export type StdioServer = z.output<typeof StdioServer>;
export type HttpServer = z.output<typeof HttpServer>;

/** The input of a `chat` task. */
export const ChatInput = z.strictObject({
  goal: text('goal', 100_000).min(1, 'must say what is to be done').describe('what is to be done'),
  model: text('model', 200)
    .min(1, 'must name a capability or a model')
    .default('code_generation')
    .describe('a capability, or a model as `gpt-5-mini` or `openai/gpt-5-mini`'),
  system: text('system', 100_000).optional().describe('what the model is told about its role, before the goal'),
  tools: z
    .strictObject({
      files: z
        .union([z.boolean(), z.literal('read')])
        .default(false)
        .describe('the files of the workspace: `true` to read and change them, `"read"` to read them only'),
      shell: z.boolean().default(false).describe('to run shell commands in the workspace'),
    })
    .prefault({})
    .describe('the built-in tools that the model gets; none when absent'),
  mcpServers: z
    .record(z.string().regex(/^[A-Za-z0-9_-]{1,30}$/, 'a name of 1 to 30 letters, digits, "_" or "-"'), McpServer)
    .refine((servers) => Object.keys(servers).length <= 20, 'at most 20 servers')
    .default({})
    .describe('servers of further tools, by name; a tool is offered as `name__tool`'),
  maxTurns: z
    .number()
    .int()
    .positive()
    .max(100_000)
    .default(200)
    .describe('how many answers of the model the task may take, over all sessions'),
  contextTokens: z
    .number()
    .int()
    .min(2_000)
    .max(10_000_000)
    .optional()
    .describe(
      'how many tokens of the model’s context window are used; when absent what the gateway knows of it, 200,000 at most, or else 64,000',
    ),
  maxOutputTokens: z
    .number()
    .int()
    .min(64)
    .max(1_000_000)
    .optional()
    .describe('the longest that one answer may be; the gateway decides when absent'),
  reasoning: z
    .enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh'])
    .optional()
    .describe('how much the model thinks, as OpenAI’s `reasoning_effort`; the model’s own standard when absent'),
  temperature: z.number().min(0).max(2).optional().describe('as the model takes it'),
});
export type ChatInput = z.output<typeof ChatInput>;
