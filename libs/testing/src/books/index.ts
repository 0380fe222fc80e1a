export { AnthropicBooks, type AnthropicCost } from './anthropic-books.js';
export { BigQueryBooks } from './bigquery-books.js';
export type { ExportRow } from './billing-export.js';
export { type Answered, type Asked, BooksServer, type Upset } from './books-server.js';
export { GithubBooks, type GithubCost } from './github-books.js';
export { OpenAiBooks, type OpenAiCost } from './openai-books.js';
