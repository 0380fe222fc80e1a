import type { Usage } from '@purser/plugin-sdk';
import type { ChatCall } from '../dialect.js';
import { writeResponseUsage } from './figures.js';

export interface Head {
  id: string;
  createdAt: number;
  model: unknown;
}

export interface State {
  status: 'in_progress' | 'completed' | 'incomplete';
  incompleteBecause?: string;
  output: object[];
  usage: Usage | undefined;
}

/** What a response repeats of its request, with OpenAI's values for what was not asked for. */
function echo({ body, longTexts, maxOutputTokens }: ChatCall): Record<string, unknown> {
  const { input: _, ...rest } = body;
  const asked = longTexts.restore(rest);
  const text = (asked.text ?? {}) as Record<string, unknown>;
  const reasoning = (asked.reasoning ?? {}) as Record<string, unknown>;
  return {
    instructions: asked.instructions ?? null,
    max_output_tokens: maxOutputTokens ?? null,
    metadata: asked.metadata ?? {},
    parallel_tool_calls: asked.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null, ...reasoning },
    store: false,
    temperature: asked.temperature ?? null,
    text: { ...text, format: text.format ?? { type: 'text' } },
    tool_choice: asked.tool_choice ?? 'auto',
    tools: asked.tools ?? [],
    top_p: asked.top_p ?? null,
    truncation: 'disabled',
    user: asked.user ?? null,
  };
}

/** Makes OpenAI's `response` objects of one call. */
export function responseMaker(call: ChatCall): (head: Head, state: State) => Record<string, unknown> {
  const repeated = echo(call);
  return ({ id, createdAt, model }, { status, incompleteBecause, output, usage }) => ({
    id,
    object: 'response',
    created_at: createdAt,
    status,
    background: false,
    error: null,
    incomplete_details: incompleteBecause === undefined ? null : { reason: incompleteBecause },
    model,
    output,
    ...repeated,
    usage: usage ? writeResponseUsage(usage) : null,
  });
}
