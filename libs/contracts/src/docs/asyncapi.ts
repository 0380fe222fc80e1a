import { CloudEvent } from '../cloud-event.js';
import type { Command, Contract, Fact, Operation } from '../contract.js';
import { ErrorReply } from '../errors.js';
import { STREAMS } from '../streams.js';
import { jsonSchema } from './json-schema.js';

interface Parts {
  channels: Record<string, unknown>;
  operations: Record<string, unknown>;
}

/** The bus as an AsyncAPI 3.0 document, seen from Purser: it receives requests and commands and sends facts. */
export function asyncApi(contracts: readonly Contract[], version: string): Record<string, unknown> {
  const parts: Parts = { channels: {}, operations: {} };
  for (const contract of contracts) {
    if (contract.kind === 'operation') addOperation(parts, contract);
    else if (contract.kind === 'command') addCommand(parts, contract);
    else addFact(parts, contract);
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Purser on NATS',
      version,
      description:
        'Plain JSON. What Purser publishes is a CloudEvent in structured mode, whose `data` is described here; what it takes may be that or the bare payload. A request that fails is answered with the header `Nats-Service-Error-Code` and the error.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: { nats: { host: '127.0.0.1:4222', protocol: 'nats' } },
    channels: parts.channels,
    operations: parts.operations,
    components: {
      schemas: { CloudEvent: jsonSchema(CloudEvent, 'output') },
      messages: { error: { name: 'error', payload: jsonSchema(ErrorReply, 'output') } },
    },
  };
}

const link = (channel: string, message: string) => ({ $ref: `#/channels/${channel}/messages/${message}` });

function addOperation(
  { channels, operations }: Parts,
  { name, owner, summary, request, reply, speaker }: Operation,
): void {
  channels[name] = {
    address: speaker === undefined ? name : `${name}.{${speaker}}`,
    description: `${summary} Served by ${owner}.`,
    ...(speaker === undefined ? {} : { parameters: { [speaker]: { description: `${speaker} of the request` } } }),
    messages: { request: { name: `${name} request`, payload: jsonSchema(request, 'input') } },
  };
  channels[`${name}.reply`] = {
    address: null,
    description: `The inbox that a requester of ${name} named.`,
    messages: {
      reply: { name: `${name} reply`, payload: jsonSchema(reply, 'output') },
      error: { $ref: '#/components/messages/error' },
    },
  };
  operations[name] = {
    action: 'receive',
    summary,
    channel: { $ref: `#/channels/${name}` },
    messages: [link(name, 'request')],
    reply: {
      channel: { $ref: `#/channels/${name}.reply` },
      messages: [link(`${name}.reply`, 'reply'), link(`${name}.reply`, 'error')],
    },
  };
}

function addCommand({ channels, operations }: Parts, command: Command): void {
  const { name, owner, summary, stream, several = false } = command;
  const one = jsonSchema(command.payload, 'input');
  channels[name] = {
    address: name,
    description: `${summary} Taken by ${owner}; kept in stream ${stream} (${STREAMS[stream].meaning})`,
    messages: { command: { name, payload: several ? { anyOf: [one, { type: 'array', items: one }] } : one } },
  };
  operations[name] = {
    action: 'receive',
    summary,
    channel: { $ref: `#/channels/${name}` },
    messages: [link(name, 'command')],
  };
}

function addFact({ channels, operations }: Parts, { name, by, id, summary, stream, data }: Fact): void {
  const kept = stream === undefined ? 'Not kept.' : `Kept in stream ${stream}.`;
  channels[name] = {
    address: id === undefined ? name : `${name}.{id}`,
    description: `${summary} Published by ${by}. ${kept}`,
    ...(id === undefined ? {} : { parameters: { id: { description: id } } }),
    messages: {
      fact: {
        name,
        payload: {
          allOf: [
            { $ref: '#/components/schemas/CloudEvent' },
            { type: 'object', properties: { data: jsonSchema(data, 'output') } },
          ],
        },
      },
    },
  };
  operations[name] = {
    action: 'send',
    summary,
    channel: { $ref: `#/channels/${name}` },
    messages: [link(name, 'fact')],
  };
}
