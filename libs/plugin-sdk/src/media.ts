import type { Usage } from './usage.js';

/** OpenAI's embeddings request; `model` is the provider's own name. Parameters that are not named travel unchanged. */
export interface EmbeddingRequest {
  model: string;
  input: string | string[] | number[] | number[][];
  [parameter: string]: unknown;
}

/** OpenAI's `list` of embeddings. */
export interface EmbeddingAnswer {
  answer: Record<string, unknown>;
  usage: Usage | undefined;
}

/** OpenAI's image generation request. */
export interface ImageRequest {
  model: string;
  prompt: string;
  n?: number | null;
  [parameter: string]: unknown;
}

/** OpenAI's answer: `{created, data: [{b64_json | url}], usage?}`. */
export interface ImageAnswer {
  answer: Record<string, unknown>;
  usage: Usage | undefined;
}

/** Speech to text, as OpenAI's multipart request tells it. */
export interface TranscriptionRequest {
  model: string;
  /** The recording, in pieces as it came; read once for each attempt. */
  audio: readonly Uint8Array[];
  fileName: string;
  contentType: string;
  /** The other fields of the form (`language`, `prompt`, `response_format`, `temperature`, `timestamp_granularities[]`). */
  fields: Readonly<Record<string, string | readonly string[]>>;
}

/** What was heard. `body` is in the form that `response_format` asked for: an object for JSON, else text (srt, vtt). */
export interface Transcription {
  body: Record<string, unknown> | string;
  usage: Usage | undefined;
}
