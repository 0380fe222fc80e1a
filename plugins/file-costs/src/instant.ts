const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(Z|UTC|[+-]\d{2}:?\d{2})?$/i;

/** A day or a time as exports write it; without a zone it is UTC. Throws on anything else: a guess would misplace money. */
export function instantOf(text: string): Date {
  const value = text.trim();
  const time = TIME.exec(value);
  const iso = DAY.test(value) ? `${value}T00:00:00Z` : time ? `${time[1]}T${time[2]}${zoneOf(time[3])}` : '';
  const at = new Date(iso);
  if (Number.isNaN(at.getTime()))
    throw new Error(`"${text}" is not a day such as 2026-11-03 or a time such as 2026-11-03T10:00:00Z`);
  return at;
}

const zoneOf = (zone: string | undefined): string =>
  zone === undefined || /^(z|utc)$/i.test(zone)
    ? 'Z'
    : zone.includes(':')
      ? zone
      : `${zone.slice(0, 3)}:${zone.slice(3)}`;
