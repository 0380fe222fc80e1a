import { CONTRACTS, type Fact, OPERATIONS, servedBy } from './index.js';
import { STREAMS } from './streams.js';

const matches = (pattern: string, subject: string): boolean =>
  pattern.endsWith('.>') ? subject.startsWith(pattern.slice(0, -1)) : pattern === subject;
const subjectOf = ({ name, id }: Fact): string => (id === undefined ? name : `${name}.some-id`);

describe('the contracts', () => {
  it('have one meaning per name', () => {
    const names = CONTRACTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(CONTRACTS.length).toBeGreaterThan(40);
  });

  it('are named by the grammar: nouns and a verb, a noun and what happened to it', () => {
    for (const { name } of CONTRACTS) expect(name).toMatch(/^[a-z]+(\.[a-z]+(_[a-z]+)?)?$/);
    for (const { name } of OPERATIONS) expect(name).toMatch(/^([a-z]+s|work|emergency|ledger|offload)\.[a-z]+$/);
  });

  it('say what they mean in a sentence', () => {
    const unclear = CONTRACTS.filter(({ summary }) => !/^[A-Z].*\.$/.test(summary));
    expect(unclear.map(({ name }) => name)).toEqual([]);
  });

  it('have one path each, with parameters that the request knows', () => {
    const routes = OPERATIONS.flatMap(({ http }) => (http ? [`${http.method} ${http.path}`] : []));
    expect(new Set(routes).size).toBe(routes.length);
    for (const { name, http, request } of OPERATIONS) {
      const parameters = [...(http?.path ?? '').matchAll(/:(\w+)/g)].map(([, field]) => field);
      const fields = Object.keys((request as unknown as { shape: object }).shape);
      expect({ name, fields }).toEqual({ name, fields: expect.arrayContaining(parameters) as string[] });
    }
  });

  it('keep each durable fact in the one stream that they name, and no other', () => {
    for (const contract of CONTRACTS) {
      if (contract.kind === 'operation') continue;
      const subject = contract.kind === 'fact' ? subjectOf(contract) : contract.name;
      const streams = Object.entries(STREAMS).filter(([, { subjects }]) =>
        subjects.some((one) => matches(one, subject)),
      );
      expect({ subject, streams: streams.map(([name]) => name) }).toEqual({
        subject,
        streams: contract.stream === undefined ? [] : [contract.stream],
      });
    }
  });

  it('keep no request in a stream: a stored request would be answered by its acknowledgement', () => {
    for (const { name } of OPERATIONS)
      for (const { subjects } of Object.values(STREAMS)) expect(subjects.some((one) => matches(one, name))).toBe(false);
  });

  it('give each service something to serve', () => {
    for (const service of [
      'orchestrator',
      'agent-runner',
      'model-gateway',
      'cost-watchdog',
      'offload-manager',
    ] as const)
      expect(servedBy(service).length).toBeGreaterThan(0);
  });
});
