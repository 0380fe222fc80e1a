// For `node --import`: a program finds @purser/agent in its sources, which Node runs as they are.
import { registerHooks } from 'node:module';

const agent = new URL('../../../../libs/agent/src/index.ts', import.meta.url).href;

registerHooks({
  resolve: (name, context, next) => next(name === '@purser/agent' ? agent : name, context),
});
