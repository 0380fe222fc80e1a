import { fields, table } from './table.js';

const plain = (text: string) => text;

describe('table', () => {
  it('puts columns under each other, numbers to the right, and ends no line with blanks', () => {
    const rows = [
      { id: 'a', cost: '$1.00', note: '' },
      { id: 'nightly', cost: '$12.50', note: 'late' },
    ];
    const text = table(
      rows,
      [
        { head: 'TASK', cell: ({ id }) => id },
        { head: 'SPENT', cell: ({ cost }) => cost, right: true },
        { head: 'NOTE', cell: ({ note }) => note },
      ],
      plain,
    );
    expect(text).toBe(['TASK      SPENT  NOTE', 'a         $1.00', 'nightly  $12.50  late', ''].join('\n'));
  });

  it('keeps a cell on one line and takes the sting out of control characters', () => {
    const text = table([{ note: 'two\nlines \u001b[2Jgone' }], [{ head: 'NOTE', cell: ({ note }) => note }], plain);
    expect(text).toBe('NOTE\ntwo lines \ufffd[2Jgone\n');
  });

  it('colours a cell without moving the ones after it', () => {
    const text = table(
      [{ state: 'ok' }],
      [
        { head: 'LEVEL', cell: ({ state }) => state, paint: (cell) => `<${cell}>` },
        { head: 'END', cell: () => 'x' },
      ],
      plain,
    );
    expect(text).toBe('LEVEL  END\n<ok   >  x\n');
  });
});

describe('fields', () => {
  it('aligns values, indents their further lines and leaves out what is not there', () => {
    const text = fields([
      ['state', 'failed'],
      ['error', null],
      ['result', '{\n  "a": 1\n}'],
    ]);
    expect(text).toBe(['state   failed', 'result  {', '          "a": 1', '        }', ''].join('\n'));
  });
});
