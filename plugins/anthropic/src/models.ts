import type Anthropic from '@anthropic-ai/sdk';
import { type Abilities, abilitiesOf } from './reasoning.js';

/** `claude-haiku-4-5` means its dated version, and people write it so. */
const undated = (id: string): string => id.replace(/-\d{8}$/, '');

/** What the list of models said when it was last read. */
export class Models {
  private known = new Map<string, Abilities | undefined>();

  listed(models: readonly Pick<Anthropic.ModelInfo, 'id' | 'capabilities'>[]): void {
    this.known = new Map(
      models.flatMap((model) => [undated(model.id), model.id].map((id) => [id, abilitiesOf(model)])),
    );
  }

  names(): string[] {
    return [...this.known.keys()];
  }

  abilities(model: string): Abilities | undefined {
    return this.known.get(model);
  }
}
