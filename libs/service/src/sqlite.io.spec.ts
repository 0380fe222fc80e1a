import { openSqlite } from './sqlite.js';

const { emitWarning, getBuiltinModule } = process;
afterEach(() => Object.assign(process, { emitWarning, getBuiltinModule }));

it('hides that SQLite is experimental, and no other warning', () => {
  const shown: string[] = [];
  const emit = (warning: string) => shown.push(warning);
  process.emitWarning = emit;
  // As a Node does that still warns.
  process.getBuiltinModule = (id: string) => {
    process.emitWarning('SQLite is an experimental feature and might change at any time', 'ExperimentalWarning');
    process.emitWarning('the disk is on fire');
    return getBuiltinModule(id);
  };
  const database = openSqlite(':memory:');
  expect(database.prepare('SELECT 1 AS one').get()).toMatchObject({ one: 1 });
  database.close();
  expect(shown).toEqual(['the disk is on fire']);
  expect(process.emitWarning).toBe(emit);
});
