import { ProviderError } from '@purser/plugin-sdk';

/** Google names the Chinese languages by their own codes. */
const chinese: Readonly<Record<string, string>> = { CN: 'cmn-Hans-CN', TW: 'cmn-Hant-TW', HK: 'yue-Hant-HK' };

/** OpenAI's clients say `en`, Google wants `en-US`: a language without its region gets the most likely one. */
export function languageCode(language: string): string {
  let locale: Intl.Locale | undefined;
  try {
    locale = new Intl.Locale(language);
  } catch {
    // Told below, together with what has the form of a code and is none.
  }
  const region = locale?.region ?? locale?.maximize().region;
  if (!locale || region === undefined)
    throw new ProviderError('invalid_request', `"${language}" is not the code of a language, such as "en" or "en-US"`, {
      mayBill: false,
    });
  if (locale.language === 'zh') return chinese[region] ?? 'cmn-Hans-CN';
  return locale.region === undefined ? `${locale.language}-${region}` : locale.toString();
}
