import { Bus } from '@purser/bus';
import type { Stage } from './stage.js';

interface Heard {
  subject: string;
  data: Record<string, unknown>;
}

/** Listens on the bus with the URL that other tools get, and waits for what it hears. */
export class Audience {
  private readonly all: Heard[] = [];
  private readonly waiting = new Set<() => void>();

  private constructor(private readonly bus: Bus) {}

  static async join(stage: Stage, onFact: (fact: Heard) => void): Promise<Audience> {
    const bus = await Bus.connect({ url: stage.natsUrl, service: 'tools', instance: 'demo' });
    const audience = new Audience(bus);
    for (const subject of [
      'task.>',
      'budget.>',
      'alert.>',
      'emergency.shutdown',
      'emergency.cleared',
      'emergency.acknowledged.>',
    ]) {
      bus.connection.subscribe(subject, {
        callback: (error, message) => {
          if (error) throw error;
          const fact = { subject: message.subject, data: message.json<{ data: Record<string, unknown> }>().data };
          audience.all.push(fact);
          onFact(fact);
          for (const wake of audience.waiting) wake();
        },
      });
    }
    await bus.connection.flush();
    return audience;
  }

  /** The first fact on a subject or below it, past or to come. */
  until(subject: string, timeoutMs = 30_000): Promise<Heard> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(new Error(`${subject} was not heard within ${timeoutMs / 1000} s`));
      }, timeoutMs);
      const look = () => {
        const found = this.all.find((fact) => `${fact.subject}.`.startsWith(`${subject}.`));
        if (!found) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve(found);
      };
      this.waiting.add(look);
      look();
    });
  }

  leave(): Promise<void> {
    return this.bus.close();
  }
}
