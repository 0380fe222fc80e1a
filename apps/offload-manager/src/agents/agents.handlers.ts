import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type AgentOrder, type VmHeartbeat, vmsHeartbeat } from '@purser/contracts';
import { AgentsService } from './agents.service.js';

@Controller()
export class AgentsHandlers {
  constructor(private readonly agents: AgentsService) {}

  @Serve(vmsHeartbeat)
  async hear(beat: VmHeartbeat): Promise<{ do: AgentOrder }> {
    return { do: await this.agents.hear(beat) };
  }
}
