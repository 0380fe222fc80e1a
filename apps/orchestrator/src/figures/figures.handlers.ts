import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { figuresGet, type ReplyOf, type RequestOf } from '@purser/contracts';
import { Figures } from './figures.service.js';

@Controller()
export class FiguresHandlers {
  constructor(private readonly figures: Figures) {}

  @Serve(figuresGet)
  get(request: RequestOf<typeof figuresGet>): Promise<ReplyOf<typeof figuresGet>> {
    return this.figures.get(request);
  }
}
