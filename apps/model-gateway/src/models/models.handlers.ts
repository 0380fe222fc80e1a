import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ModelTier, modelsList, type ProviderStatus } from '@purser/contracts';
import { ModelCatalogue } from './model-catalogue.js';

@Controller()
export class ModelsHandlers {
  constructor(private readonly catalogue: ModelCatalogue) {}

  @Serve(modelsList)
  list(): Promise<{ tiers: ModelTier[]; providers: ProviderStatus[] }> {
    return this.catalogue.list();
  }
}
