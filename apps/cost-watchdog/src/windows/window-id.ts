/** The public id of a window is its number as text. Undefined for anything that cannot be one. */
export const windowIdOf = (text: string): bigint | undefined => (/^\d{1,18}$/.test(text) ? BigInt(text) : undefined);
