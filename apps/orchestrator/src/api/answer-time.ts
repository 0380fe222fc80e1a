import type { Operation } from '@purser/contracts';

const CALL_TIMEOUT_MS = 10_000;
/** Who is to answer within a time of the client's own says so itself when it has not. */
const WORDS_MS = 1_000;

/** How long the control API waits for an answer: as long as the client says, where the operation lets it say so. */
export function answerTimeMs({ http, request }: Operation, asked: unknown): number {
  if (http?.within === undefined) return CALL_TIMEOUT_MS;
  const { data } = request.safeParse(asked);
  const ms = (data as Record<string, unknown> | undefined)?.[http.within];
  return typeof ms === 'number' ? ms + WORDS_MS : CALL_TIMEOUT_MS;
}
