import type { Block, MessagesBody } from './request.js';

/** The signature of thoughts that another model than Claude had. Clients send thoughts back as they got them. */
export const UNSIGNED = 'purser-unsigned';

const isUnsigned = ({ type, signature }: Block): boolean => type === 'thinking' && signature === UNSIGNED;

/** Without thoughts that Anthropic would refuse, since it never signed them: a conversation may go from tier to tier. */
export function withoutUnsigned(messages: MessagesBody['messages']): MessagesBody['messages'] {
  const has = messages.some(({ content }) => typeof content !== 'string' && content.some(isUnsigned));
  if (!has) return messages;
  return messages.flatMap((message) => {
    if (typeof message.content === 'string') return [message];
    const content = message.content.filter((block) => !isUnsigned(block));
    // Anthropic joins turns of one role, so a turn of nothing else can be left out.
    return content.length === 0 && message.content.length > 0 ? [] : [{ ...message, content }];
  });
}
