/** Markup; a plain string is text, and is escaped wherever it is put into markup. */
export interface Html {
  text: string;
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const markup = (value: string | number | Html): string =>
  typeof value === 'object' ? value.text : String(value).replaceAll(/[&<>"']/g, (one) => ESCAPES[one]!);

export const html = (parts: TemplateStringsArray, ...values: (string | number | Html)[]): Html => ({
  text: parts.reduce((text, part, index) => text + markup(values[index - 1] ?? '') + part),
});

export const join = (all: readonly Html[]): Html => ({ text: all.map(({ text }) => text).join('') });
