import { ProviderError } from './model-provider.js';
import { isProviderError } from './provider-failures.js';

/**
 * Does what a plugin does with a request before it sends anything. A request can hold anything, and a reader that stumbles
 * over it must not count as a failure of the provider: nothing was sent, so nothing is billed, and no other call is at fault.
 */
export function readingRequest<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (isProviderError(cause)) throw cause;
    throw new ProviderError('invalid_request', `the request cannot be read (${(cause as Error).message})`, {
      mayBill: false,
      cause,
    });
  }
}
