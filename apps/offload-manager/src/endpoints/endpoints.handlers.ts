import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ComponentAnswer, componentsRequest, type RequestOf } from '@purser/contracts';
import { Endpoints } from './endpoints.service.js';

@Controller()
export class EndpointsHandlers {
  constructor(private readonly endpoints: Endpoints) {}

  @Serve(componentsRequest)
  request(request: RequestOf<typeof componentsRequest>): Promise<ComponentAnswer> {
    return this.endpoints.request(request);
  }
}
