import type { Stage } from './stage.js';

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** Plain HTTP, as any program would. */
export class Client {
  constructor(private readonly stage: Stage) {}

  api(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.send(this.stage.apiUrl + path, method, this.stage.adminKey, body);
  }

  chat(model: string, key = this.stage.adminKey): Promise<Answer> {
    return this.send(`${this.stage.gatewayUrl}/v1/chat/completions`, 'POST', key, {
      model,
      max_tokens: 400,
      messages: [{ role: 'user', content: 'Explain what a purser does, in a few sentences.' }],
    });
  }

  private async send(url: string, method: string, key: string, body: unknown): Promise<Answer> {
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    };
  }
}
