interface Delta {
  content?: unknown;
  refusal?: unknown;
  reasoning?: unknown;
  reasoning_content?: unknown;
  tool_calls?: unknown;
  function_call?: unknown;
}

const textBytes = (value: unknown): number => (typeof value === 'string' ? Buffer.byteLength(value) : 0);

/** Bytes of model output in one message or delta. */
export function outputBytes(delta: Delta | null | undefined): number {
  if (!delta) return 0;
  const { content, refusal, reasoning, reasoning_content: thought, tool_calls: tools, function_call: call } = delta;
  const said = textBytes(content) + textBytes(refusal) + textBytes(reasoning) + textBytes(thought);
  return said + (tools ? textBytes(JSON.stringify(tools)) : 0) + (call ? textBytes(JSON.stringify(call)) : 0);
}

export interface Choices {
  choices?: { delta?: Delta; message?: Delta; finish_reason?: unknown }[] | null;
  usage?: unknown;
}

export const chunkBytes = ({ choices }: Choices): number =>
  (choices ?? []).reduce((sum, { delta }) => sum + outputBytes(delta), 0);

export const answerBytes = ({ choices }: Choices): number =>
  (choices ?? []).reduce((sum, { message }) => sum + outputBytes(message), 0);

/** A chunk that only tells the usage; clients that did not ask for it do not expect it. */
export const isUsageOnly = ({ choices, usage }: Choices): boolean =>
  usage !== undefined && usage !== null && choices?.length === 0;

export const ends = ({ choices, usage }: Choices): boolean =>
  (usage !== undefined && usage !== null) || (choices ?? []).some(({ finish_reason: reason }) => Boolean(reason));
