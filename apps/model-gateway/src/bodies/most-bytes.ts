/** Of a request: pictures travel inside. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;
