import { errors, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { PurserError } from '@purser/contracts';
import type { BusOptions } from './bus.js';

export async function connectWithin({
  url,
  service,
  instance,
  inboxPrefix = `_INBOX_${service}`,
  connectTimeoutMs = 30_000,
}: BusOptions): Promise<NatsConnection> {
  const servers = url.split(',').map((one) => new URL(one.trim()));
  const [first] = servers;
  if (!first) throw new PurserError('invalid_request', { message: 'the NATS URL is empty' });
  const deadline = Date.now() + connectTimeoutMs;
  for (;;) {
    try {
      return await connect({
        servers: servers.map((server) => server.host),
        ...(first.username
          ? { user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) }
          : {}),
        name: `${service}.${instance}`,
        inboxPrefix,
        ...(first.protocol === 'tls:' ? { tls: {} } : {}),
        maxReconnectAttempts: -1,
        reconnectTimeWait: 250,
        reconnectJitter: 250,
        pingInterval: 5_000,
        maxPingOut: 2,
        timeout: 3_000,
        // A stack taken for each request in case it fails would cost more than the rest of the request.
        noAsyncTraces: true,
      });
    } catch (cause) {
      const refusedForGood = cause instanceof errors.AuthorizationError;
      if (refusedForGood || Date.now() > deadline) {
        throw new PurserError('unavailable', {
          message: `no connection to NATS at ${first.host}: ${(cause as Error).message}. ${
            refusedForGood
              ? 'The user or password in the NATS URL is wrong.'
              : 'Is the server running? Set PURSER_NATS_URL, or start it.'
          }`,
          cause,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** What a server says of itself to everybody who connects. */
export interface ServerTraits {
  jetstream: boolean;
  maxPayloadBytes: number;
}

/** Connects for a look alone. */
export async function inspectServer(url: string, connectTimeoutMs?: number): Promise<ServerTraits> {
  const timeout = connectTimeoutMs === undefined ? {} : { connectTimeoutMs };
  const connection = await connectWithin({ url, service: 'cli', instance: 'look', ...timeout });
  try {
    return { jetstream: connection.info?.jetstream ?? false, maxPayloadBytes: connection.info?.max_payload ?? 0 };
  } finally {
    await connection.close();
  }
}
