import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { VmClient } from './vm-client.js';

/** The other end of a runner's link, which answers as the spec says. */
export interface VmEnd {
  client: VmClient;
  close(): Promise<void>;
}

export async function startVmEnd(
  answer: (stream: ServerHttp2Stream, request: string, headers: IncomingHttpHeaders) => void,
): Promise<VmEnd> {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    answer(stream, `${String(headers[':method'])} ${String(headers[':path'])}`, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const link = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const client = new VmClient(link);
  const close = async (): Promise<void> => {
    client.close();
    await new Promise((resolve) => server.close(resolve));
  };
  return { client, close };
}
