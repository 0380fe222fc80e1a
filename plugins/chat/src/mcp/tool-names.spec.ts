import { array, assert, property, string } from 'fast-check';
import { toolName } from './tool-names.js';

it('names a tool after its server, in characters that providers take, each tool differently', () => {
  expect(toolName('git', 'log', new Set())).toBe('git__log');
  expect(toolName('git', 'show/file.v2', new Set())).toBe('git__show_file_v2');
  assert(
    property(array(string({ minLength: 1, maxLength: 100 }), { maxLength: 20 }), (tools) => {
      const taken = new Set<string>();
      for (const tool of new Set(tools)) {
        const name = toolName('server', tool, taken);
        expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        expect(taken.has(name)).toBe(false);
        taken.add(name);
      }
    }),
  );
});
