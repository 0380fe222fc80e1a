import type { MultipartFile } from '@fastify/multipart';
import { PurserError } from '@purser/contracts';
import type { FastifyRequest } from 'fastify';
import { GrowingBytes } from './growing-bytes.js';

/** What OpenAI takes. */
export const MAX_FILE_BYTES = 25 * 1024 * 1024;
const MAX_FIELD_BYTES = 256 * 1024;
const MAX_FIELDS = 32;
const FIRST_BYTES = 64 * 1024;

export const UPLOAD_LIMITS = {
  fileSize: MAX_FILE_BYTES,
  files: 1,
  fields: MAX_FIELDS,
  parts: MAX_FIELDS + 1,
  fieldSize: MAX_FIELD_BYTES,
};

/** A form with one file in it. */
export interface Upload {
  /** By name; a list when the name came more than once. */
  fields: Record<string, string | string[]>;
  fieldBytes: number;
  file: { name: string; type: string; bytes: Buffer };
}

/** Reads a multipart form as it comes; the file is kept once. Throws `invalid_request` or `payload_too_large`. */
export async function readUpload(request: FastifyRequest): Promise<Upload> {
  if (!request.isMultipart())
    throw new PurserError('invalid_request', { message: 'the body must be a form, sent as multipart/form-data' });
  try {
    return await readParts(request);
  } catch (error) {
    // What is still coming has nowhere to go, and the client may read its answer only when it has sent everything.
    request.raw.unpipe();
    request.raw.resume();
    throw understood(error);
  }
}

async function readParts(request: FastifyRequest): Promise<Upload> {
  const fields: Upload['fields'] = {};
  let fieldBytes = 0;
  let file: Upload['file'] | undefined;
  for await (const part of request.parts()) {
    if (part.type === 'file') {
      if (part.fieldname !== 'file')
        throw invalid(part.fieldname, `"${part.fieldname}" cannot be a file; the recording is called "file"`);
      file = await readFile(part, Number(request.headers['content-length']));
    } else {
      const value = String(part.value);
      if (part.valueTruncated) throw tooLarge(part.fieldname, MAX_FIELD_BYTES);
      fieldBytes += part.fieldname.length + Buffer.byteLength(value);
      const before = fields[part.fieldname];
      fields[part.fieldname] = before === undefined ? value : [before, value].flat();
    }
  }
  if (!file) throw invalid('file', 'the form needs a "file": the recording');
  return { fields, fieldBytes, file };
}

async function readFile({ file, filename, mimetype }: MultipartFile, announced: number): Promise<Upload['file']> {
  const bytes = new GrowingBytes(announced > 0 ? Math.min(announced, MAX_FILE_BYTES) : FIRST_BYTES);
  for await (const piece of file) bytes.add(piece as Buffer);
  if (file.truncated) throw tooLarge('file', MAX_FILE_BYTES);
  return { name: filename || 'audio', type: mimetype, bytes: bytes.all };
}

const invalid = (param: string, message: string): PurserError =>
  new PurserError('invalid_request', { message, details: { param } });

const tooLarge = (param: string, limit: number): PurserError =>
  new PurserError('payload_too_large', {
    message: `"${param}" is larger than ${limit} bytes`,
    details: { param, limit },
  });

/** The form parser's own errors, in the gateway's words. */
function understood(error: unknown): unknown {
  const { code, statusCode, message } = error as { code?: unknown; statusCode?: unknown; message?: string };
  if (code === 'FST_REQ_FILE_TOO_LARGE') return tooLarge('file', MAX_FILE_BYTES);
  if (statusCode === 413) return new PurserError('payload_too_large', { message: message ?? '', cause: error });
  if (error instanceof PurserError) return error;
  return new PurserError('invalid_request', { message: `the form cannot be read: ${message ?? ''}`, cause: error });
}
