import {
  type CallOptions,
  isProviderError,
  type ModelProvider,
  type PluginContext,
  type ProviderCheck,
  ProviderError,
  type Transcription,
  type TranscriptionRequest,
} from '@purser/plugin-sdk';
import type { GoogleSpeechConfig } from './config.js';
import { Credentials } from './credentials.js';
import { formOf, needsWords, render } from './forms.js';
import { recogniseLong } from './long-recording.js';
import { heardOf, recognitionConfig, type Recognised, usageOf } from './recognition.js';
import { readRecording, type Recording } from './recording.js';
import { ask, json } from './rest.js';

/** Below the 3 s that a check may take. */
const checkMs = 2500;
/** Google's own bounds for a recording that is sent with the request, which is base64 and has some fields beside it. */
const inlineSeconds = 60;
const inlineBytes = ((10 * 2 ** 20 - 4096) / 4) * 3;

/** Recordings to text by Google Cloud Speech-to-Text, REST v1 (v1p1beta1 for MP3, which v1 has not got). */
export class GoogleSpeechProvider implements ModelProvider, Required<Pick<ModelProvider, 'transcribe'>> {
  /** Google documents nothing that stops it, and a long recording's operation cannot be called off. */
  readonly cancelledCallsBill = 'full';
  private readonly credentials: Credentials;
  private readonly endpoint: string;

  constructor(
    private readonly context: PluginContext,
    private readonly config: GoogleSpeechConfig,
  ) {
    this.credentials = new Credentials(context, config);
    this.endpoint = config.endpoint.replace(/\/+$/, '');
  }

  /** The list of operations costs nothing; an account may have the right to transcribe and not to see it. */
  async check({ signal }: CallOptions): Promise<ProviderCheck> {
    const { missing } = this.credentials;
    if (missing !== undefined) return { available: false, reason: missing };
    const limit = AbortSignal.timeout(checkMs);
    try {
      const either = AbortSignal.any([signal, limit]);
      const headers = await this.credentials.headers(either);
      await ask(`${this.endpoint}/v1/operations?pageSize=1`, { headers, signal: either });
      return { available: true };
    } catch (error) {
      signal.throwIfAborted();
      if (limit.aborted)
        return { available: false, reason: `${this.endpoint} did not answer within ${checkMs / 1000} s` };
      const { message, status, kind } = error as ProviderError;
      if (kind === 'connection' || kind === 'timeout') return { available: false, reason: `cannot reach ${message}` };
      if (kind === 'auth' && status !== 403)
        return { available: false, reason: `Google refuses ${this.credentials.shown}: ${message}` };
      if (status === 403 && /has not been used|is disabled|blocked|unregistered/.test(message))
        return { available: false, reason: message };
      return { available: true };
    }
  }

  async transcribe(request: TranscriptionRequest, { signal }: CallOptions): Promise<Transcription> {
    signal.throwIfAborted();
    const form = formOf(request);
    const recording = readRecording(request);
    const config = recognitionConfig(request, recording, this.config, needsWords(form));
    const answer = await this.recognise(recording, config, signal);
    const usage = usageOf(answer);
    const heard = heardOf(answer, String(config.languageCode), recording.seconds);
    return { body: render(form, heard, request, usage), usage };
  }

  private async recognise(
    recording: Recording,
    config: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<Recognised> {
    const { bytes, seconds = 0 } = recording;
    if (seconds > inlineSeconds || bytes.length > inlineBytes) return this.recogniseStored(recording, config, signal);
    const audio = { content: bytes.toString('base64') };
    try {
      const headers = await this.credentials.headers(signal);
      return await ask(`${this.speech(recording)}/speech:recognize`, { ...json(headers, { config, audio }), signal });
    } catch (error) {
      signal.throwIfAborted();
      // A length that could not be told before. The refusal was free, so this is still one call.
      if (isProviderError(error) && error.status === 400 && /too long/i.test(error.message))
        return this.recogniseStored(recording, config, signal);
      throw error;
    }
  }

  private async recogniseStored(
    recording: Recording,
    config: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<Recognised> {
    const { bucket, storageEndpoint } = this.config;
    if (bucket === undefined)
      throw new ProviderError(
        'invalid_request',
        'Google takes recordings of more than a minute or 10 MB from Cloud Storage alone; set "bucket" in plugins.json',
        { mayBill: false },
      );
    return recogniseLong({
      credentials: this.credentials,
      logger: this.context.logger,
      speech: this.speech(recording),
      storage: storageEndpoint.replace(/\/+$/, ''),
      bucket,
      config,
      bytes: recording.bytes,
      signal,
    });
  }

  private speech({ encoding }: Recording): string {
    return `${this.endpoint}/${encoding === 'MP3' ? 'v1p1beta1' : 'v1'}`;
  }
}
