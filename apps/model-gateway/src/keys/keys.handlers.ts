import { Controller } from '@nestjs/common';
import { Hear, Serve } from '@purser/bus';
import {
  type FactData,
  type GatewayKey,
  keysChanged,
  keysCheck,
  keysCreate,
  keysGet,
  keysList,
  keysRenew,
  keysRevoke,
  keysUpdate,
  type ReplyOf,
  type RequestOf,
} from '@purser/contracts';
import { KeyChanges } from './key-changes.js';
import { KeysService } from './keys.service.js';

@Controller()
export class KeysHandlers {
  constructor(
    private readonly keys: KeysService,
    private readonly changes: KeyChanges,
  ) {}

  @Serve(keysCreate)
  create(request: RequestOf<typeof keysCreate>): Promise<ReplyOf<typeof keysCreate>> {
    return this.keys.create(request);
  }

  @Serve(keysCheck)
  check({ prefix }: RequestOf<typeof keysCheck>): Promise<ReplyOf<typeof keysCheck>> {
    return this.keys.check(prefix);
  }

  @Serve(keysGet)
  get({ id }: RequestOf<typeof keysGet>): Promise<GatewayKey> {
    return this.keys.get(id);
  }

  @Serve(keysUpdate)
  update({ id, ...change }: RequestOf<typeof keysUpdate>): Promise<GatewayKey> {
    return this.keys.update(id, change);
  }

  @Serve(keysRenew)
  renew({ ids, ...ends }: RequestOf<typeof keysRenew>): Promise<ReplyOf<typeof keysRenew>> {
    return this.keys.renew(ids, ends);
  }

  @Serve(keysList)
  list({ sessions }: RequestOf<typeof keysList>): Promise<ReplyOf<typeof keysList>> {
    return this.keys.list(sessions);
  }

  @Serve(keysRevoke)
  revoke({ id }: RequestOf<typeof keysRevoke>): Promise<GatewayKey> {
    return this.keys.revoke(id);
  }

  @Hear(keysChanged)
  changed({ ids }: FactData<typeof keysChanged>): Promise<void> {
    this.changes.heard(ids);
    return Promise.resolve();
  }
}
