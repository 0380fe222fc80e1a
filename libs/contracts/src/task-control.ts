import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Decision } from './emergency.js';
import { Id } from './scalars.js';
import { Task } from './tasks.js';

/** Who, and if they say so why; both stand in the task's `waiting` and in the fact. */
const decided = {
  by: Decision.shape.by.max(100).default('a person'),
  reason: Decision.shape.reason.max(500).optional(),
};

export const tasksPause = operation('tasks.pause', {
  owner: 'orchestrator',
  summary:
    'Pause a task until a person resumes it. One that waits is paused at once; a running session is wrapped up first. Pausing twice is no error.',
  request: z.object({ id: Id, ...decided }),
  reply: Task,
  http: { method: 'POST', path: '/v1/tasks/:id/pause' },
});

export const tasksResume = operation('tasks.resume', {
  owner: 'orchestrator',
  summary: 'End the pause of a person: the task goes on from its checkpoint. Resuming what is not paused is no error.',
  request: z.object({ id: Id, by: decided.by }),
  reply: Task,
  http: { method: 'POST', path: '/v1/tasks/:id/resume' },
});

export const taskResumed = fact('task.resumed', {
  by: 'orchestrator',
  id: 'taskId',
  stream: 'FACTS',
  summary: 'A pause has ended: the task is ready again, or waits for its dependencies.',
  data: z.object({ taskId: Id, by: z.string(), state: z.enum(['ready', 'blocked']) }),
});
