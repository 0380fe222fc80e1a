import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ReplyOf, type RequestOf, type Vm, vmsKeep, vmsLeave, vmsPlace } from '@purser/contracts';
import { SessionVms } from './session-vms.service.js';

@Controller()
export class SessionVmsHandlers {
  constructor(private readonly sessions: SessionVms) {}

  @Serve(vmsPlace)
  place(wish: RequestOf<typeof vmsPlace>): Promise<Vm> {
    return this.sessions.place(wish);
  }

  @Serve(vmsKeep)
  keep(sign: RequestOf<typeof vmsKeep>): Promise<ReplyOf<typeof vmsKeep>> {
    return this.sessions.keep(sign);
  }

  @Serve(vmsLeave)
  leave(request: RequestOf<typeof vmsLeave>): Promise<ReplyOf<typeof vmsLeave>> {
    return this.sessions.leave(request);
  }
}
