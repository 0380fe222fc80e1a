import type { Frames } from './way.js';

interface Offer {
  frames: string;
  taken: () => void;
}

/** A stream for those who ask for one piece after the other; the provider waits as long as they do not. */
export async function* pulled(stream: Frames): AsyncGenerator<string, void> {
  let tell!: (offer: Offer | undefined) => void;
  const another = () => new Promise<Offer | undefined>((resolve) => (tell = resolve));
  let next = another();
  const all = stream.to((frames) => new Promise((taken) => tell({ frames, taken })));
  const over = () => tell(undefined);
  all.then(over, over);
  for (let offer = await next; offer; offer = await next) {
    next = another();
    yield offer.frames;
    offer.taken();
  }
  await all;
}
