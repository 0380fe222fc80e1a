import { countingAgent } from '../agents.js';
import { chainAgent, lastOfChain } from './programs.js';
import type { Scene } from './scene.js';

export interface Expected {
  id: string;
  result: Record<string, unknown>;
}

const WAYS = ['rest', 'publish'] as const;

/** Hands in tasks, each of them once or, as callers do who heard no answer, again. */
export class Workload {
  readonly expected: Expected[] = [];

  constructor(private readonly scene: Scene) {}

  async submitOne(): Promise<void> {
    const { random } = this.scene;
    const id = `fault-${this.expected.length + 1}`;
    // The first one goes over its limit of time for certain, so that something is resumed whatever chance does.
    const isFirst = this.expected.length === 0;
    const units = isFirst ? 40 : random.between(3, 40);
    const withModel = !isFirst && random.chance(0.4);
    const calls = Math.ceil(units / 5);
    const task = {
      id,
      executor: 'command',
      priority: random.between(0, 9),
      input: { argv: withModel ? countingAgent(calls) : chainAgent(units, isFirst ? 200 : random.between(20, 200)) },
      ...(isFirst || random.chance(0.3) ? { limits: { seconds: isFirst ? 2 : random.between(2, 6) } } : {}),
      ...(!isFirst && random.chance(0.2) ? { dependsOn: [random.pick(this.expected).id] } : {}),
    };
    // Before it is handed in: whatever becomes of the answer, from here on it must be done.
    this.expected.push({
      id,
      result: withModel
        ? { units: calls, numbers: Array.from({ length: calls }, (_, index) => index + 1) }
        : { n: units, link: lastOfChain(units) },
    });
    await this.untilTaken(task, random.pick(WAYS));
    if (random.chance(0.2)) await this.untilTaken(task, random.pick(WAYS));
  }

  /** A caller tries until it is told that the task is there. */
  private async untilTaken(task: { id: string }, way: (typeof WAYS)[number]): Promise<void> {
    for (const deadline = Date.now() + 60_000; ;) {
      try {
        if (way === 'rest') return await this.create(task);
        await this.scene.witness.submit(task);
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  private async create(task: { id: string }): Promise<void> {
    const { status, body } = await this.scene.system.api('POST', '/v1/tasks', task);
    if (status === 201) return;
    throw new Error(`the task was answered with ${status}: ${JSON.stringify(body)}`);
  }
}
