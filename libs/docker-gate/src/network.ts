import { z } from 'zod';
import { answerOf } from './engine.ts';
import { LABELS } from './labels.ts';
import type { GateSettings } from './settings.ts';

const Network = z.object({
  Internal: z.boolean(),
  IPAM: z.object({ Config: z.array(z.object({ Subnet: z.string(), Gateway: z.string().optional() })).nullish() }),
});

export interface FoundNetwork {
  subnet: string;
  /** The address of the machine itself on it, where it has one. */
  gateway: string | undefined;
}

/** The network of the containers; made when there is none, and refused when it leads anywhere. */
export async function internalNetwork(settings: GateSettings): Promise<FoundNetwork> {
  const { PURSER_GATE_ENGINE: engine, PURSER_GATE_NETWORK: name } = settings;
  const look = () => answerOf(engine, { method: 'GET', path: `/networks/${name}` });
  let found = await look();
  if (found.status === 404) {
    const body = JSON.stringify({
      Name: name,
      Driver: 'bridge',
      Internal: true,
      Labels: { [LABELS.managed]: settings.PURSER_GATE_INSTALLATION },
      // Containers of one session do not reach those of another; what they may reach is on the machine's own address.
      Options: { 'com.docker.network.bridge.enable_icc': 'false' },
    });
    const made = await answerOf(engine, { method: 'POST', path: '/networks/create', body });
    // Two gates at once: the other one has made it.
    if (made.status !== 201 && made.status !== 409)
      throw new Error(`the network ${name} could not be made: ${made.text.slice(0, 300)}`);
    found = await look();
  }
  if (found.status !== 200) throw new Error(`the network ${name} cannot be looked at: ${found.text.slice(0, 300)}`);
  const network = Network.parse(JSON.parse(found.text));
  if (!network.Internal) throw new Error(`the network ${name} is not internal; name another one, or remove it`);
  const [v4] = network.IPAM.Config ?? [];
  if (!v4) throw new Error(`the network ${name} has no addresses`);
  return { subnet: v4.Subnet, gateway: v4.Gateway };
}
