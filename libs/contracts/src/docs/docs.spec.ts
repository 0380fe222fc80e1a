import { CONTRACTS, OPERATIONS } from '../index.js';
import { asyncApi } from './asyncapi.js';
import { openApi } from './openapi.js';

/** Every `$ref` in a document, resolved. */
function unresolved(document: unknown): string[] {
  const missing: string[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key === '$ref' && typeof value === 'string') {
        const path = value
          .replace('#/', '')
          .split('/')
          .map((part) => part.replaceAll('~1', '/'));
        const found = path.reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], document);
        if (found === undefined) missing.push(value);
      } else visit(value);
    }
  };
  visit(document);
  return missing;
}

describe('the OpenAPI document', () => {
  const document = openApi(OPERATIONS, '1.2.3') as {
    paths: Record<string, Record<string, Record<string, unknown>>>;
    info: object;
  };

  it('has every operation with a path, once', () => {
    const ids = Object.values(document.paths).flatMap((path) => Object.values(path).map((one) => one.operationId));
    expect(ids.sort()).toEqual([...OPERATIONS.flatMap(({ http, name }) => (http ? [name] : [])), 'events'].sort());
    expect(document.info).toMatchObject({ version: '1.2.3' });
    expect(unresolved(document)).toEqual([]);
  });

  it('puts path, query and body where the server reads them', () => {
    expect(document.paths['/v1/tasks/{id}/logs']?.get?.parameters).toMatchObject([
      { name: 'id', in: 'path', required: true },
      { name: 'after', in: 'query', required: false },
      { name: 'limit', in: 'query', required: false, schema: { maximum: 5000 } },
    ]);
    const body = JSON.stringify(document.paths['/v1/budgets/{id}']?.put?.requestBody);
    expect(body).toContain('limitUsd');
    expect(JSON.parse(body)).not.toHaveProperty('content.application/json.schema.properties.id');
    expect(document.paths['/v1/keys/{id}']?.delete).not.toHaveProperty('requestBody');
    const batch = ['requestBody', 'content', 'application/x-ndjson'];
    expect(document.paths['/v1/tasks/batch']?.post).toHaveProperty(batch);
    expect(document.paths['/v1/tasks']?.post?.responses).toHaveProperty('201');
  });
});

describe('the AsyncAPI document', () => {
  const document = asyncApi(CONTRACTS, '1.2.3') as {
    channels: Record<string, { address: string | null }>;
    operations: Record<string, { action: string }>;
  };

  it('has every subject, seen from Purser', () => {
    expect(Object.keys(document.operations).sort()).toEqual(CONTRACTS.map(({ name }) => name).sort());
    expect(document.operations['tasks.submit']).toMatchObject({ action: 'receive' });
    expect(document.operations['tasks.create']).toMatchObject({
      action: 'receive',
      reply: expect.any(Object) as object,
    });
    expect(document.operations['task.completed']).toMatchObject({ action: 'send' });
    expect(document.channels['task.completed']).toMatchObject({ address: 'task.completed.{id}' });
    expect(document.channels['tasks.create.reply']).toMatchObject({ address: null });
    expect(unresolved(document)).toEqual([]);
  });
});
