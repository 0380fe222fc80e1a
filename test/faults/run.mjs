// npm run test:faults -- [--seed N] [--minutes N]: random faults for longer than `npm test` has them, with a seed that
// is printed and can be given again. Five minutes by default; a night is --minutes 480.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(randomInt(1, 2 ** 31)) },
    minutes: { type: 'string', default: '5' },
    sleep: { type: 'string', default: '60' },
  },
});
for (const [name, value] of Object.entries(values))
  if (!/^\d+(?:\.\d+)?$/.test(value)) {
    console.error(`--${name}: "${value}" is not a number`);
    process.exit(2);
  }
console.log(`seed ${values.seed}, ${values.minutes} minutes, then asleep for ${values.sleep} s`);
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
const child = spawn(
  process.execPath,
  [...jest, '--selectProjects', 'e2e', '--testPathPatterns', 'random-faults', 'perpetual', '--verbose'],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      PURSER_FAULTS_SEED: values.seed,
      PURSER_FAULTS_SECONDS: String(Number(values.minutes) * 60),
      PURSER_FAULTS_SLEEP_SECONDS: values.sleep,
    },
  },
);
child.on('exit', (code) => process.exit(code ?? 1));
