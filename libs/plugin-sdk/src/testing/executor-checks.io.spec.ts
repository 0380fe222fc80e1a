import { z } from 'zod';
import type { Executor, ExecutorSession } from '../executor.js';
import { executorChecks } from './index.js';

const Input = z.strictObject({ act: z.enum(['complete', 'fail', 'wrap', 'stubborn', 'save', 'resume']) });
const encode = (text: string) => new TextEncoder().encode(text);

const aborted = (...signals: AbortSignal[]) =>
  new Promise<void>((resolve) => {
    const any = AbortSignal.any(signals);
    if (any.aborted) resolve();
    else any.addEventListener('abort', () => resolve(), { once: true });
  });

/** Works within this process: what "is alive" is what it has not ended. */
class InProcessExecutor implements Executor {
  readonly input = Input;
  readonly alive = new Set<string>();

  async run(session: ExecutorSession): ReturnType<Executor['run']> {
    this.alive.add(session.sessionId);
    try {
      return await this.act(session);
    } finally {
      this.alive.delete(session.sessionId);
    }
  }

  protected async act(session: ExecutorSession): ReturnType<Executor['run']> {
    const { act } = session.input as z.infer<typeof Input>;
    session.progress({ note: act });
    if (act === 'fail') return { kind: 'failed', error: { code: 'asked_to', message: 'as asked' } };
    if (act === 'save') await session.checkpoint(encode('{}')).catch(() => undefined);
    if (act === 'resume') await session.checkpoint(session.resumeFrom ?? encode('none'));
    if (act === 'wrap') await aborted(session.wrap, session.kill);
    if (act === 'stubborn') {
      await aborted(AbortSignal.any([session.wrap, session.kill]));
      return { kind: 'continue', reason: 'ended' };
    }
    return { kind: 'completed', result: null };
  }
}

function checksOf(executor: InProcessExecutor) {
  return executorChecks({
    create: () => executor,
    inputs: {
      completes: { act: 'complete' },
      fails: { act: 'fail' },
      invalid: { act: 'dance' },
      wraps: { act: 'wrap' },
      stubborn: { act: 'stubborn' },
      checkpoints: { act: 'save' },
      resumes: { act: 'resume' },
    },
    alive: (sessionId) => Promise.resolve([...executor.alive].filter((id) => id === sessionId)),
  });
}

describe('an executor that keeps the rules', () => {
  for (const { name, run } of checksOf(new InProcessExecutor())) it(name, run);
});

async function failing(executor: InProcessExecutor): Promise<string[]> {
  const names: string[] = [];
  for (const { name, run } of checksOf(executor)) await run().catch(() => names.push(name));
  return names;
}

describe('an executor that breaks one', () => {
  it('is told when it loses what it was resumed from', async () => {
    class Forgetful extends InProcessExecutor {
      override run(session: ExecutorSession) {
        return super.run({ ...session, resumeFrom: undefined });
      }
    }
    expect(await failing(new Forgetful())).toEqual(['is given back the state that it resumes from, to the byte']);
  });

  it('is told when it leaves something alive', async () => {
    class Leaky extends InProcessExecutor {
      override async run(session: ExecutorSession) {
        const result = await super.run(session);
        if (session.kill.aborted) this.alive.add(session.sessionId);
        return result;
      }
    }
    expect(await failing(new Leaky())).toEqual([
      'a kill leaves nothing alive',
      'a session that is killed before it begins leaves nothing alive',
    ]);
  });

  it('is told when it throws instead of failing, or calls a failure done', async () => {
    class Careless extends InProcessExecutor {
      protected override async act(session: ExecutorSession) {
        const result = await super.act(session);
        return result.kind === 'failed' ? { kind: 'completed' as const, result: null } : result;
      }
    }
    expect(await failing(new Careless())).toEqual(['fails with a code and a message, and does not throw']);
  });
});
