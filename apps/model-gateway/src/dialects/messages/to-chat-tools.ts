import type { MessagesBody, Tool } from './request.js';

/** Hints: when a prompt is cached, and how the pieces of a call's input are cut. */
const HINTS = new Set(['cache_control', 'eager_input_streaming']);

function toChatTool(tool: Tool, index: number, lost: string[]): object[] {
  const { type, name, description, input_schema: parameters, strict, allowed_callers: callers, ...others } = tool;
  const where = `tools[${index}]`;
  // The definitions of Anthropic's own tools are known to Claude alone.
  if (type !== undefined && type !== null && type !== 'custom') {
    lost.push(`${where}.type`);
    return [];
  }
  if (Array.isArray(callers) && callers.some((caller) => caller !== 'direct')) lost.push(`${where}.allowed_callers`);
  for (const [field, value] of Object.entries(others))
    if (!HINTS.has(field) && value !== null && value !== false) lost.push(`${where}.${field}`);
  return [
    {
      type: 'function',
      function: {
        name,
        ...(description === undefined ? {} : { description }),
        parameters,
        ...(strict === true ? { strict } : {}),
      },
    },
  ];
}

function toolChoice(choice: NonNullable<MessagesBody['tool_choice']>, lost: string[]): object {
  const { type, name, disable_parallel_tool_use: one } = choice;
  const parallel = one === true ? { parallel_tool_calls: false } : {};
  switch (type) {
    // As without a choice.
    case 'auto':
      return parallel;
    case 'any':
      return { tool_choice: 'required', ...parallel };
    case 'tool':
      return { tool_choice: { type: 'function', function: { name } }, ...parallel };
    case 'none':
      return { tool_choice: 'none' };
    default:
      lost.push('tool_choice');
      return {};
  }
}

export function toChatTools({ tools, tool_choice: choice }: MessagesBody, lost: string[]): object {
  const functions = (tools ?? []).flatMap((tool, index) => toChatTool(tool, index, lost));
  return { ...(functions.length > 0 ? { tools: functions } : {}), ...(choice ? toolChoice(choice, lost) : {}) };
}
