import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import {
  type GatewayKey,
  keysCreate,
  keysList,
  keysRenew,
  keysRevoke,
  type ReplyOf,
  type RequestOf,
} from '@purser/contracts';
import { KeysService } from './keys.service.js';

@Controller()
export class KeysHandlers {
  constructor(private readonly keys: KeysService) {}

  @Serve(keysCreate)
  create(request: RequestOf<typeof keysCreate>): Promise<ReplyOf<typeof keysCreate>> {
    return this.keys.create(request);
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
}
