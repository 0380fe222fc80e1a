import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenMessage {
  role: string;
  content: string | null;
  tool_call_id?: string;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
}

export interface SeenRequest {
  model: string;
  messages: SeenMessage[];
  tools?: { function: { name: string; parameters: Record<string, unknown> } }[];
  authorization: string | undefined;
  max_completion_tokens?: number;
  reasoning_effort?: string;
}

export interface Reply {
  text?: string;
  /** Arguments as an object, or as the very text that is sent. */
  calls?: { name: string; arguments?: Record<string, unknown> | string }[];
  finish?: string;
  status?: number;
  headers?: Record<string, string>;
  error?: { message: string; code?: string };
  promptTokens?: number;
  /** Says nothing, or breaks off after the first piece. */
  hang?: true;
  breakOff?: true;
}

type Script = (request: SeenRequest, index: number) => Reply | Promise<Reply>;

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const frame = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

function send(response: ServerResponse, reply: Reply, requestBytes: number): void {
  const { text = '', calls = [], finish, status, headers, error, promptTokens } = reply;
  if (reply.hang) return;
  if (status !== undefined) {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: error ?? { message: `refused with ${status}` } }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(': a comment, as the gateway sends them\n\n');
  response.write(frame({ role: 'assistant', content: text.slice(0, 3) }));
  if (reply.breakOff) {
    response.socket?.destroySoon();
    return;
  }
  response.write(frame({ content: text.slice(3) }));
  for (const [index, call] of calls.entries()) {
    const given = call.arguments ?? {};
    const json = typeof given === 'string' ? given : JSON.stringify(given);
    const half = Math.floor(json.length / 2);
    response.write(
      frame({ tool_calls: [{ index, id: 'x', type: 'function', function: { name: call.name, arguments: '' } }] }),
    );
    response.write(frame({ tool_calls: [{ index, function: { arguments: json.slice(0, half) } }] }));
    response.write(frame({ tool_calls: [{ index, function: { arguments: json.slice(half) } }] }));
  }
  response.write(frame({}, finish ?? (calls.length > 0 ? 'tool_calls' : 'stop')));
  const usage = { prompt_tokens: promptTokens ?? Math.ceil(requestBytes / 4), completion_tokens: 10 };
  response.end(`data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`);
}

/** A gateway on loopback that speaks OpenAI's wire and says what a test has it say. */
export class ScriptedModel {
  readonly requests: SeenRequest[] = [];
  /** What the gateway knows of its models. */
  windows: Record<string, number> = {};
  script: Script = () => ({ calls: [{ name: 'finish', arguments: { result: 'done' } }] });
  private readonly server = createServer((request, response) => void this.serve(request, response));

  /** One reply after the other; the last one for all that follow. */
  replies(...replies: Reply[]): void {
    const from = this.requests.length;
    this.script = (_request, index) => replies[Math.min(index - from, replies.length - 1)]!;
  }

  static async start(): Promise<ScriptedModel> {
    const model = new ScriptedModel();
    await new Promise<void>((resolve) => model.server.listen(0, '127.0.0.1', resolve));
    return model;
  }

  get environment(): Record<string, string> {
    const { port } = this.server.address() as AddressInfo;
    return { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, OPENAI_API_KEY: 'session-key-of-the-test' };
  }

  /** What the tools answered, in the last request. */
  get results(): string[] {
    const messages = this.requests.at(-1)?.messages ?? [];
    return messages.filter(({ role }) => role === 'tool').map(({ content }) => content ?? '');
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET') {
      const data = Object.entries(this.windows).map(([id, window]) => ({ id, context_window: window }));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ object: 'list', data }));
      return;
    }
    const body = await bodyOf(request);
    const seen = JSON.parse(body) as SeenRequest;
    this.requests.push({ ...seen, authorization: request.headers.authorization });
    send(response, await this.script(this.requests.at(-1)!, this.requests.length - 1), body.length);
  }
}

export const finish = (result: unknown): Reply => ({ calls: [{ name: 'finish', arguments: { result } }] });
export const call = (name: string, args: Record<string, unknown> | string = {}): Reply => ({
  calls: [{ name, arguments: args }],
});
