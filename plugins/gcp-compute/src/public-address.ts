/** Whether VMs can reach NATS at this address, and safely: what is wrong with it, or undefined. */
export function unreachable(url: string | undefined): string | undefined {
  const wanted = 'an address of NATS that VMs can reach, such as tls://nats.example.com:4222';
  if (url === undefined || url === '')
    return `PURSER_PUBLIC_NATS_URL is not set: it is ${wanted}. Without it no VM is made, for nobody would hear of it`;
  for (const one of url.split(',')) {
    const parsed = URL.canParse(one.trim()) ? new URL(one.trim()) : undefined;
    if (!parsed || parsed.hostname === '') return `PURSER_PUBLIC_NATS_URL has no address in it: it is ${wanted}`;
    if (parsed.protocol !== 'tls:')
      return `PURSER_PUBLIC_NATS_URL begins with ${parsed.protocol}//, which is not encrypted: it is ${wanted}`;
    if (/^(localhost|.*\.localhost|127\..*|0\.0\.0\.0|\[::1?\]|host\.docker\.internal)$/i.test(parsed.hostname))
      return `PURSER_PUBLIC_NATS_URL is ${parsed.hostname}, where a VM finds only itself: it is ${wanted}`;
  }
  return undefined;
}
