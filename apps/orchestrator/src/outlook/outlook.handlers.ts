import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type RequestOf, type WorkOutlook, workOutlook, type WorkReport, workReport } from '@purser/contracts';
import { Outlook } from './outlook.service.js';

@Controller()
export class OutlookHandlers {
  constructor(private readonly outlook: Outlook) {}

  @Serve(workOutlook)
  now(): Promise<WorkOutlook> {
    return this.outlook.now();
  }

  @Serve(workReport)
  since({ since }: RequestOf<typeof workReport>): Promise<WorkReport> {
    return this.outlook.since(since);
  }
}
