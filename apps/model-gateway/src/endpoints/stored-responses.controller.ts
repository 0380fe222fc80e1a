import { All, Controller } from '@nestjs/common';
import { PurserError } from '@purser/contracts';

/** What OpenAI's Responses API has besides making a response: all of it is about responses that are kept, and here none are. */
@Controller('v1')
export class StoredResponsesController {
  @All(['responses/:id', 'responses/:id/:part'])
  refuse(): never {
    throw new PurserError('not_found', {
      message:
        'responses are not stored here, so there is none to fetch, to cancel, to list or to delete: POST /v1/responses is all of this API that there is',
    });
  }
}
