/** The long texts of one request (pictures, mostly), kept as bytes, while marks stand in their places. */
export interface SetAside {
  /** A body's JSON with marks in it, as the bytes to be sent, in pieces. */
  fill(json: string): readonly Uint8Array[];
}

/**
 * A `fetch` for an official client that is given a request with marks: it sends what they stand for. So nobody has to
 * write megabytes of base64 as JSON, which would hold up all other calls.
 */
export function fillingFetch(setAside: SetAside | undefined): typeof fetch {
  if (!setAside) return fetch;
  return (input, init = {}) => {
    if (typeof init.body !== 'string') return fetch(input, init);
    const pieces = setAside.fill(init.body);
    const headers = new Headers(init.headers);
    // Of a stream nobody else knows it, and some servers take no body without.
    headers.set('content-length', String(pieces.reduce((sum, { length }) => sum + length, 0)));
    // Not as one piece, which `fetch` would copy.
    const body = ReadableStream.from(pieces);
    return fetch(input, { ...init, headers, body, duplex: 'half' });
  };
}
