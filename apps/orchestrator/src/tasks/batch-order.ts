interface Needing {
  id: string;
  needs: readonly string[];
}

/**
 * The order in which the tasks of one batch can be stored: what others need first, else as they were given. Those that
 * need each other are left out, each with the ids of its circle, beginning and ending with its own.
 */
export function storingOrder<T extends Needing>(tasks: readonly T[]): { ordered: T[]; circles: Map<T, string[]> } {
  const first = new Map<string, T>();
  for (const task of tasks) if (!first.has(task.id)) first.set(task.id, task);
  const ordered: T[] = [];
  const circles = new Map<T, string[]>();
  const seen = new Map<T, 'on the way' | 'done'>();

  // Not recursive: ten thousand tasks may form one chain.
  for (const root of tasks) {
    if (seen.has(root)) continue;
    const way: { task: T; next: number }[] = [{ task: root, next: 0 }];
    seen.set(root, 'on the way');
    for (let step = way.at(-1); step; step = way.at(-1)) {
      const need = first.get(step.task.needs[step.next++] ?? '');
      if (step.next > step.task.needs.length) {
        way.pop();
        seen.set(step.task, 'done');
        if (!circles.has(step.task)) ordered.push(step.task);
      } else if (need && !seen.has(need)) {
        seen.set(need, 'on the way');
        way.push({ task: need, next: 0 });
      } else if (need && seen.get(need) === 'on the way') {
        const circle = way.slice(way.findIndex(({ task }) => task === need)).map(({ task }) => task);
        circle.forEach((task, at) => circles.set(task, named([...circle.slice(at), ...circle.slice(0, at)])));
      }
    }
  }
  return { ordered, circles };
}

const named = (circle: readonly Needing[]): string[] => [...circle, ...circle.slice(0, 1)].map(({ id }) => id);
