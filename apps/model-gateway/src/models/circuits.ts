import type { ProviderError } from '@purser/plugin-sdk';
import { Circuit, type Opened, type Turn } from './circuit.js';

/** No connection came about at all. */
const isUnreachable = ({ kind, mayBill, status }: ProviderError): boolean =>
  (kind === 'connection' || kind === 'timeout') && !mayBill && status === undefined;

/** A refused key and a provider that cannot be reached concern all its models; whatever else fails is that model's matter. */
const isOfProvider = (error: ProviderError): boolean => error.kind === 'auth' || isUnreachable(error);

/** One circuit for each provider, and one for each of its models. */
export class Circuits {
  private readonly circuits = new Map<string, Circuit>();

  constructor(private readonly onOpen: (id: string, opened: Opened) => void) {}

  /** How long it is still to be left alone, and why; undefined when it may be called. */
  waiting(provider: string, model: string): { ms: number; reason: string } | undefined {
    return this.circuits.get(provider)?.waiting() ?? this.circuits.get(idOf(provider, model))?.waiting();
  }

  /** Undefined when it is to be left alone. */
  enter(provider: string, model: string): Turn | undefined {
    if (this.waiting(provider, model)) return undefined;
    const [whole, one] = [this.circuit(provider).enter(), this.circuit(idOf(provider, model)).enter()];
    const succeeded = () => {
      whole.succeeded();
      one.succeeded();
    };
    return {
      succeeded,
      failed: async (error) => {
        // A refused request is nobody's fault but the caller's.
        if (error.kind === 'invalid_request') return succeeded();
        if (isOfProvider(error)) {
          one.abandoned();
          await whole.failed(error);
        } else {
          whole.succeeded();
          await one.failed(error);
        }
      },
      abandoned: () => {
        whole.abandoned();
        one.abandoned();
      },
    };
  }

  /** An answer that had begun was not brought to its end. */
  brokeOff(provider: string, model: string, error: ProviderError): Promise<void> {
    return this.circuit(isOfProvider(error) ? provider : idOf(provider, model)).brokeOff(error);
  }

  private circuit(id: string): Circuit {
    let circuit = this.circuits.get(id);
    if (!circuit) {
      circuit = new Circuit((opened) => this.onOpen(id, opened));
      this.circuits.set(id, circuit);
    }
    return circuit;
  }
}

const idOf = (provider: string, model: string): string => `${provider}/${model}`;
