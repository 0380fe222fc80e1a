/** No half of a character at either end. */
const start = (text: string, length: number): string =>
  text.slice(0, /[\uD800-\uDBFF]/.test(text.charAt(length - 1)) ? length - 1 : length);
const end = (text: string, length: number): string => {
  const from = text.length - length;
  return text.slice(/[\uDC00-\uDFFF]/.test(text.charAt(from)) ? from + 1 : from);
};

/** The beginning and the end of a text that is longer than `most` characters, with a note in between. */
export function excerpt(text: string, most: number, hint = ''): string {
  if (text.length <= most) return text;
  const head = Math.ceil((most * 2) / 3);
  const tail = most - head;
  const left = text.length - most;
  return `${start(text, head)}\n[… ${left} of ${text.length} characters left out${hint}]\n${tail > 0 ? end(text, tail) : ''}`;
}

/** Keeps the beginning and the end of what is added, however much that is. */
export class Excerpt {
  private readonly most: number;
  private readonly headMost: number;
  private head = '';
  private tail = '';
  private length = 0;

  constructor(most: number) {
    this.most = most;
    this.headMost = Math.ceil((most * 2) / 3);
  }

  add(text: string): void {
    this.length += text.length;
    const room = this.headMost - this.head.length;
    if (room > 0) this.head += text.slice(0, room);
    const rest = room > 0 ? text.slice(room) : text;
    if (rest === '') return;
    this.tail += rest;
    const tailMost = this.most - this.headMost;
    if (this.tail.length > tailMost * 2) this.tail = this.tail.slice(-tailMost);
  }

  toString(): string {
    const tailMost = this.most - this.headMost;
    const whole = this.head.length + this.tail.length === this.length && this.tail.length <= tailMost;
    if (whole) return this.head + this.tail;
    const tail = end(this.tail, Math.min(tailMost, this.tail.length));
    const left = this.length - this.head.length - tail.length;
    return `${start(this.head, this.head.length)}\n[… ${left} of ${this.length} characters left out]\n${tail}`;
  }
}
