import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import {
  pricesImport,
  type PricesImported,
  pricesList,
  pricesSet,
  type ReplyOf,
  type RequestOf,
} from '@purser/contracts';
import { PricesService } from './prices.service.js';

@Controller()
export class PricesHandlers {
  constructor(private readonly prices: PricesService) {}

  @Serve(pricesList)
  list(request: RequestOf<typeof pricesList>): Promise<ReplyOf<typeof pricesList>> {
    return this.prices.list(request);
  }

  @Serve(pricesSet)
  set(request: RequestOf<typeof pricesSet>): Promise<ReplyOf<typeof pricesSet>> {
    return this.prices.set(request);
  }

  @Serve(pricesImport)
  import(request: RequestOf<typeof pricesImport>): Promise<PricesImported> {
    return this.prices.import(request);
  }
}
