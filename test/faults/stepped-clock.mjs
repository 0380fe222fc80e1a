// Loaded into a service before anything else: its wall clock is off by what stands in a file, in milliseconds. The
// monotonic clock is left alone, as when somebody sets the time.
import { readFileSync } from 'node:fs';
import { setInterval } from 'node:timers';

const file = process.env.PURSER_TEST_CLOCK_FILE;
const Real = Date;
let offset = 0;

const read = () => {
  try {
    offset = Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    // Not written yet, or just being written: as before.
  }
};

if (file !== undefined) {
  read();
  setInterval(read, 50).unref();
  globalThis.Date = class Date extends Real {
    constructor(...parts) {
      if (parts.length === 0) super(Real.now() + offset);
      else super(...parts);
    }
    static now() {
      return Real.now() + offset;
    }
  };
}
