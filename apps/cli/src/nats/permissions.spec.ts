import { OPERATIONS, servedBy, servedOn } from '@purser/contracts';
import { SERVICE_NAMES, servicePermissions, toolsPermissions } from './permissions.js';

describe('who may do what on the bus', () => {
  it.each(SERVICE_NAMES)('%s serves its own operations and nobody else’s', (service) => {
    const { subscribe } = servicePermissions(service);
    const own = servedBy(service).filter((contract) => contract.kind === 'operation');
    for (const operation of own) expect(subscribe).toContain(servedOn(operation));
    const others = OPERATIONS.filter(({ owner }) => owner !== service).map(servedOn);
    expect(subscribe.filter((subject) => others.includes(subject))).toEqual([]);
  });

  it('gives nobody a subject that matches everything, or the right to remove a stream', () => {
    for (const { publish, subscribe } of [...SERVICE_NAMES.map(servicePermissions), toolsPermissions()]) {
      const all = [...publish, ...subscribe];
      expect(all.filter((subject) => /^[>*]/.test(subject))).toEqual([]);
      expect(all.filter((subject) => /^\$JS\.(>|API\.(>|STREAM\.(>|DELETE|PURGE)))/.test(subject))).toEqual([]);
    }
  });

  it('lets only the watchdog write the latch, and only runners work', () => {
    const may = (subject: string) => SERVICE_NAMES.filter((name) => servicePermissions(name).publish.includes(subject));
    expect(may('$KV.emergency.>')).toEqual(['cost-watchdog']);
    expect(may('emergency.shutdown')).toEqual(['cost-watchdog']);
    expect(may('work.claim')).toEqual(['agent-runner']);
    expect(may('emergency.reset')).toEqual(['orchestrator']);
    expect(may('$JS.API.CONSUMER.MSG.NEXT.FACTS.*')).toEqual(['cost-watchdog', 'orchestrator']);
    expect(may('leases.grant')).toEqual(['model-gateway', 'offload-manager']);
  });

  it('lets only the watchdog make or change a stream', () => {
    for (const service of SERVICE_NAMES.filter((name) => name !== 'cost-watchdog')) {
      const { publish } = servicePermissions(service);
      expect(publish.filter((subject) => /STREAM\.(CREATE|UPDATE)/.test(subject))).toEqual([]);
    }
    expect(servicePermissions('agent-runner').publish.filter((subject) => subject.startsWith('$JS'))).toEqual([]);
  });

  it('keeps replies to one service from the others', () => {
    const inboxes = SERVICE_NAMES.flatMap((name) =>
      servicePermissions(name).subscribe.filter((subject) => subject.startsWith('_INBOX')),
    );
    expect(new Set(inboxes).size).toBe(SERVICE_NAMES.length);
  });

  it('lets tools call models, which takes a key besides, and nothing else of the gateway', () => {
    const ofGateway = servedBy('model-gateway').map(({ name }) => name);
    expect(toolsPermissions().publish.filter((subject) => ofGateway.includes(subject))).toEqual(['models.complete']);
    expect(servicePermissions('model-gateway').publish).toContain('_INBOX_tools.>');
  });
});
