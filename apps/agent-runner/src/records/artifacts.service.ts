import { Injectable } from '@nestjs/common';
import { type Artifact, PurserError } from '@purser/contracts';
import { ArtifactsRepository, type NewArtifact, type StoredArtifact } from './artifacts.repository.js';
import { ChunksRepository } from './chunks.repository.js';
import type { Writer } from './fenced.js';
import { type Attempt, States } from './states.service.js';
import type { StoredState } from './stored-state.js';

/** What sessions leave for people: files, the handoff, and where their work is to be found elsewhere. */
@Injectable()
export class Artifacts {
  constructor(
    private readonly repository: ArtifactsRepository,
    private readonly states: States,
    private readonly chunks: ChunksRepository,
  ) {}

  /** Nothing is written when it is there already as it is. */
  async keep(
    writer: Writer,
    { name, kind, at }: Pick<NewArtifact, 'name' | 'kind' | 'at'>,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    attempt: Attempt,
  ): Promise<void> {
    const state = await this.states.put(writer, source, attempt, `the artifact ${name}`);
    const before = await this.repository.find(writer.taskId, name);
    if (before && before.digest === state.digest) return this.states.discard(writer, state);
    await this.save(writer, { name, kind, state, link: null, at }, attempt);
    // Whoever reads it right now is told that it changed.
    if (before?.blob) await this.chunks.remove(writer.taskId, before.blob);
  }

  /** Something that is kept elsewhere. */
  link(
    writer: Writer,
    artifact: Pick<NewArtifact, 'name' | 'kind' | 'at'> & { link: string },
    attempt: Attempt,
  ): Promise<void> {
    return this.save(writer, { ...artifact, state: null }, attempt);
  }

  async list(taskId: string): Promise<Artifact[]> {
    return (await this.repository.list(taskId)).map(shown);
  }

  async find(taskId: string, name: string): Promise<StoredState> {
    const found = await this.repository.find(taskId, name);
    if (!found) throw new PurserError('not_found', { message: `task ${taskId} has no artifact "${name}" (yet)` });
    const { digest } = found;
    if (digest === null)
      throw new PurserError('not_found', { message: `the artifact "${name}" is not kept here: ${found.link}` });
    return { ...found, digest };
  }

  private async save(writer: Writer, artifact: NewArtifact, attempt: Attempt): Promise<void> {
    let kept = false;
    await attempt(async () => {
      kept = await this.repository.save(writer, artifact);
    });
    if (kept) return;
    if (artifact.state) await this.states.discard(writer, artifact.state);
    throw new PurserError('payload_too_large', {
      message: `the artifact ${artifact.name} was not kept: the task has as many as it may`,
    });
  }
}

const shown = ({ name, kind, epoch, size, digest, link, at }: StoredArtifact): Artifact => ({
  name,
  kind,
  epoch,
  size,
  digest,
  link,
  at: at.toISOString(),
});
