import { createServer } from 'node:net';
import { EmbeddedError } from './embedded-error.js';

/** Binds once and lets go: the port that the system gave, or undefined when the wanted one is taken. */
async function tryPort(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    probe.listen({ host, port, exclusive: true }, () => {
      const address = probe.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      probe.close(() => resolve(bound));
    });
  });
}

/** A port nobody listens on now. It may be taken before it is used: whoever uses it retries. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const port = await tryPort(host, 0);
  if (port === undefined) {
    throw new EmbeddedError('port_taken', `No free port is left on ${host}.`, 'End programs that hold many ports.');
  }
  return port;
}

export function portTaken(server: string, host: string, port: number, variable: string): EmbeddedError {
  const other = port > 60_000 ? port - 1_000 : port + 1_000;
  return new EmbeddedError(
    'port_taken',
    `${server} cannot start: port ${port} on ${host} is taken.`,
    `Stop what listens there (\`lsof -i :${port}\` or \`ss -ltnp\` shows it), or choose another port with ${variable}, for example ${variable}=${other}.`,
  );
}

export async function requirePort(server: string, host: string, port: number, variable: string): Promise<void> {
  let bound: number | undefined;
  try {
    bound = await tryPort(host, port);
  } catch (error) {
    throw new EmbeddedError(
      'start_failed',
      `${server} cannot listen on ${host}:${port}.`,
      `Choose another port with ${variable}; ports below 1024 need root.`,
      { cause: error },
    );
  }
  if (bound === undefined) throw portTaken(server, host, port, variable);
}
