import { conceal } from '@purser/plugin-sdk';
import type { ToolCall } from '../conversation/state.js';
import { parseArguments } from './arguments.js';
import { excerpt } from './excerpt.js';
import { type Tool, type ToolContext, type ToolDescription, ToolError, type ToolResult } from './tool.js';

/** All tools of a session, by name. */
export class Toolset {
  private readonly secrets: readonly string[];
  private byName = new Map<string, Tool>();

  constructor(tools: readonly Tool[], secrets: readonly string[]) {
    this.secrets = secrets;
    for (const tool of tools) this.byName.set(tool.name, tool);
  }

  get descriptions(): ToolDescription[] {
    return [...this.byName.values()];
  }

  reads(name: string): boolean {
    return this.byName.get(name)?.reads === true;
  }

  /** Never rejects: what goes wrong is for the model to know. */
  async run(call: ToolCall, context: ToolContext): Promise<ToolResult> {
    const result = await this.attempt(call, context).catch((error: unknown): ToolResult => {
      if (context.signal.aborted) return { failed: true, text: `the call was cut off: ${reason(context.signal)}` };
      return { failed: true, text: error instanceof Error ? error.message : String(error) };
    });
    const shown = conceal(result.text, this.secrets).replaceAll('\0', '\uFFFD');
    const text = excerpt(shown === '' ? '(no output)' : shown, context.most, '; ask for less at a time');
    return result.failed ? { failed: true, text: `ERROR: ${text}` } : { text };
  }

  private attempt(call: ToolCall, context: ToolContext): Promise<ToolResult> {
    const tool = this.byName.get(call.name);
    if (!tool) {
      const names = [...this.byName.keys()].join(', ');
      return Promise.reject(new ToolError(`there is no tool "${call.name}"; there are ${names}`));
    }
    return Promise.resolve().then(() => tool.run(parseArguments(call.arguments), context));
  }
}

const reason = ({ reason: why }: AbortSignal): string => (why instanceof Error ? why.message : String(why));
