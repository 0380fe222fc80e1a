export interface Column<Row> {
  head: string;
  cell: (row: Row) => string;
  right?: boolean;
  /** Colours the cell after it was laid out, so that the colour's own characters take no width. */
  paint?: (text: string, row: Row) => string;
}

/** Control characters, which a name or a log line from elsewhere could use to write over what is on the screen. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export const printable = (text: string): string => text.replace(CONTROL, '\ufffd');

const oneLine = (text: string): string => printable(text.replaceAll(/\s*\n\s*/g, ' '));

/** Columns as wide as their widest cell, two blanks apart; no blanks at a line's end. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  head: (text: string) => string,
): string {
  const cells = rows.map((row) => columns.map((column) => oneLine(column.cell(row))));
  const widths = columns.map((column, index) =>
    Math.max(column.head.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const line = (texts: string[], paint: (text: string, column: Column<Row>) => string): string => {
    const filled = texts.findLastIndex((text) => text !== '') + 1;
    return texts
      .slice(0, filled)
      .map((text, index) => {
        const column = columns[index] as Column<Row>;
        const width = index === filled - 1 && !column.right ? 0 : (widths[index] ?? 0);
        return paint(column.right ? text.padStart(width) : text.padEnd(width), column);
      })
      .join('  ');
  };
  const heads = columns.map((column) => column.head);
  return [
    head(line(heads, (text) => text)),
    ...rows.map((row, index) => line(cells[index] ?? [], (text, { paint }) => paint?.(text, row) ?? text)),
  ]
    .map((text) => `${text}\n`)
    .join('');
}

/** `name  value` lines, with the values under each other. */
export function fields(entries: readonly (readonly [name: string, value: string | null | undefined])[]): string {
  const shown = entries.filter((entry): entry is readonly [string, string] => entry[1] != null && entry[1] !== '');
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => {
      const [first = '', ...more] = printable(value).split('\n');
      const rest = more.map((text) => `${' '.repeat(width + 2)}${text}`.trimEnd());
      return `${[`${name.padEnd(width)}  ${first}`.trimEnd(), ...rest].join('\n')}\n`;
    })
    .join('');
}
