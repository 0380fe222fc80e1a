import { Controller, Get } from '@nestjs/common';
import { gatewayOpenApi } from '@purser/contracts';
import { VERSION } from '@purser/service';

/** What this port serves; read without a key. */
@Controller()
export class OpenApiController {
  private readonly document = gatewayOpenApi(VERSION);

  @Get('openapi.json')
  openApi(): Record<string, unknown> {
    return this.document;
  }
}
