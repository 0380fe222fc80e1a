import type { Tier } from './ladders.js';

/** The Web Speech API of the client's own browser. It is a rung of a ladder that no plugin stands behind. */
export const BROWSER_API = 'browser_api';

export const isClientSide = ({ provider }: Pick<Tier, 'provider'>): boolean => provider === BROWSER_API;

/** What the client is to do itself. */
export interface ClientSideTask {
  capability: string;
  tier: string;
  api: 'Web Speech API';
  how: string;
}

export const clientSideTask = ({ capability, name }: Tier): ClientSideTask => ({
  capability,
  tier: name,
  api: 'Web Speech API',
  how:
    'recognise the speech in the browser: const recognition = new (window.SpeechRecognition ?? ' +
    'window.webkitSpeechRecognition)(); recognition.onresult = ({ results }) => use(results[0][0].transcript); ' +
    'recognition.start(); it listens to the microphone, and costs nothing',
});
