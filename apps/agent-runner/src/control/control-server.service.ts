import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BeforeApplicationShutdown, Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { isPurserError, PurserError } from '@purser/contracts';
import { CONFIG, Log } from '@purser/service';
import type { Config } from '../config.js';
import { EffectsService } from '../effects/effects.service.js';
import type { Session } from '../sessions/session.js';
import type { SessionRecords } from '../sessions/session-records.js';
import { BodyRoom } from './body-room.js';
import { Exchange } from './exchange.js';
import { peerUser } from './peer-user.js';
import { ROUTES } from './routes.js';

/** Requests of one session at a time; a long poll is one. */
const MOST_REQUESTS = 32;
const MOST_CONNECTIONS = 2_000;
/** Of all sessions, and of one: the largest state twice. */
const BODIES_BYTES = 128 * 1024 * 1024;
const BODIES_BYTES_OF_ONE = 32 * 1024 * 1024;
/** For a request to arrive. */
const REQUEST_MS = 30_000;

/** One session as its programs may ask about it and act on it. */
export interface Controlled {
  session: Session;
  records: SessionRecords;
  effects: EffectsService;
}

interface Opened extends Controlled {
  /** Belongs to whom its programs run as, once they do. */
  sessionDir: string;
  requests: number;
  room: BodyRoom;
}

/**
 * The control API: HTTP on loopback, with an unguessable path per session that lives as long as the session does. The path
 * stands in the environment of its programs, which only their own user (and root) can read; where the system tells whose a
 * connection is, it serves no other user either, since the path may show in a list of processes (`curl <address>`).
 */
@Injectable()
export class ControlServer implements OnModuleInit, BeforeApplicationShutdown {
  private readonly server: Server;
  private readonly byToken = new Map<string, Opened>();
  private readonly tokens = new Map<Session, string>();
  private readonly room = new BodyRoom(BODIES_BYTES);
  private base = '';

  constructor(
    private readonly effects: EffectsService,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.server = createServer({ requestTimeout: REQUEST_MS, keepAliveTimeout: 5_000 }, (request, response) => {
      void this.answer(request, response);
    });
    this.server.maxConnections = MOST_CONNECTIONS;
    this.server.on('error', (error) => log.error({ error }, 'the control API of sessions cannot take connections'));
  }

  async onModuleInit(): Promise<void> {
    const { PURSER_CONTROL_HOST: host, PURSER_CONTROL_PORT: port, PURSER_CONTROL_ADVERTISED_HOST: known } = this.config;
    this.server.listen(port, host);
    await once(this.server, 'listening').catch((cause: Error) => {
      const message = `PURSER_CONTROL_HOST, PURSER_CONTROL_PORT: cannot listen on ${host}:${port}: ${cause.message}`;
      throw new PurserError('unavailable', { message, cause });
    });
    const { port: actual } = this.server.address() as AddressInfo;
    const name = known ?? host;
    this.base = `http://${name.includes(':') ? `[${name}]` : name}:${actual}`;
  }

  /** After the sessions have ended, which use it while they wrap up. */
  async beforeApplicationShutdown(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  /** @returns the address that is the session's own */
  open(session: Session, records: SessionRecords, sessionDir: string): string {
    const token = randomBytes(32).toString('base64url');
    this.byToken.set(token, {
      session,
      records,
      effects: this.effects,
      sessionDir,
      requests: 0,
      room: this.room.part(BODIES_BYTES_OF_ONE),
    });
    this.tokens.set(session, token);
    return `${this.base}/${token}`;
  }

  close(session: Session): void {
    const token = this.tokens.get(session);
    if (token === undefined) return;
    this.tokens.delete(session);
    this.byToken.delete(token);
  }

  /** Never rejects. */
  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new Exchange(request, response);
    try {
      await this.serve(exchange);
    } catch (error) {
      const known = isPurserError(error) ? error : new PurserError('internal', { cause: error });
      if (known !== error) this.log.error({ error, path: exchange.action }, 'a request of a session failed');
      exchange.refuse(known);
    } finally {
      exchange.done();
    }
  }

  private async serve(exchange: Exchange): Promise<void> {
    const controlled = this.byToken.get(exchange.token);
    if (!controlled) {
      throw new PurserError('not_found', {
        message: 'no session has this address: it is over, or the address is wrong',
      });
    }
    await refuseOthers(exchange, controlled);
    const methods = ROUTES[exchange.action];
    const route = methods?.[exchange.method];
    if (!route) {
      const known = methods
        ? `${exchange.action} takes ${Object.keys(methods).join(' or ')}`
        : `there are ${Object.keys(ROUTES).join(', ')}`;
      throw new PurserError('not_found', {
        message: `${exchange.method} ${exchange.action} is nothing here; ${known}`,
      });
    }
    if (controlled.requests >= MOST_REQUESTS) {
      throw new PurserError('unavailable', {
        message: `this session has ${MOST_REQUESTS} requests under way, the most there may be; wait for one to end`,
      });
    }
    controlled.requests += 1;
    exchange.room = controlled.room;
    try {
      exchange.reply(await route(controlled, exchange));
    } finally {
      controlled.requests -= 1;
    }
  }
}

async function refuseOthers(exchange: Exchange, { sessionDir }: Opened): Promise<void> {
  const peer = await peerUser(exchange.socket);
  if (peer === undefined || peer === 0 || peer === process.getuid?.()) return;
  const owner = await stat(sessionDir).catch(() => undefined);
  if (peer === owner?.uid) return;
  throw new PurserError('forbidden', { message: `this address is for the session's own user, not for uid ${peer}` });
}
