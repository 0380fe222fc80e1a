/** A record and the line that it begins in, counted from 1. */
export interface CsvRecord {
  line: number;
  fields: string[];
}

type Mark = 'field' | 'quoted' | 'after-quote';

/**
 * RFC 4180 as it is written in practice: fields in quotes may hold delimiters, line breaks and doubled quotes; lines end with
 * LF or CRLF; empty lines are passed over. Throws where a file ends within quotes: it is not there as a whole.
 */
export async function* csvRecords(text: AsyncIterable<string>, delimiter: string): AsyncGenerator<CsvRecord> {
  let fields: string[] = [];
  let field = '';
  let mark: Mark = 'field';
  let line = 1;
  let begun = 1;
  const endRecord = (): CsvRecord | undefined => {
    const record = { line: begun, fields: [...fields, field.endsWith('\r') ? field.slice(0, -1) : field] };
    fields = [];
    field = '';
    mark = 'field';
    return record.fields.length === 1 && record.fields[0] === '' ? undefined : record;
  };
  for await (const chunk of text) {
    for (const char of chunk) {
      if (char === '\n') line += 1;
      if (mark === 'quoted') {
        if (char === '"') mark = 'after-quote';
        else field += char;
      } else if (char === '"' && (mark === 'after-quote' || field === '')) {
        if (mark === 'after-quote') field += char;
        mark = 'quoted';
      } else if (char === delimiter) {
        fields.push(field);
        field = '';
        mark = 'field';
      } else if (char === '\n') {
        const record = endRecord();
        begun = line;
        if (record) yield record;
      } else field += char;
    }
  }
  if (mark === 'quoted') throw new Error(`line ${begun}: the file ends within quotes; is it still being written?`);
  const last = endRecord();
  if (last) yield last;
}
