const LEADS_ELSEWHERE = /^(PURSER|OPENAI|ANTHROPIC|HF|GOOGLE)_|^OLLAMA_HOST$/;

/** Without what would lead a Purser to the servers, providers and money of whoever starts a demo or a test. */
export function cleanEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !LEADS_ELSEWHERE.test(name)));
}
