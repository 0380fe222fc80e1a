import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answerOf } from './engine.js';

it('waits no longer for the end of an answer than for its beginning', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'purser-engine-'));
  const socket = join(folder, 'engine.sock');
  const server = createServer((_request, response) => void response.write('{'));
  server.listen(socket);
  await once(server, 'listening');
  await expect(answerOf(socket, { method: 'GET', path: '/', timeoutMs: 200 })).rejects.toThrow('no answer within');
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});
