import type { VmStartup } from '@purser/plugin-sdk';
import { cloudInit } from './cloud-init.js';

const startup: VmStartup = {
  component: { image: 'python:3', command: ['-c', "echo 'it'"], env: {} },
  agent: { image: 'purser:1', env: {} },
};

const scriptOf = (text: string, name: string): string => {
  const { write_files: files } = JSON.parse(text.replace('#cloud-config\n', '')) as {
    write_files: { path: string; content: string }[];
  };
  return files.find(({ path }) => path === `/etc/purser/${name}.sh`)?.content ?? '';
};

it('gives both containers the folder that they share, made by whichever begins, and one user', () => {
  const text = cloudInit({
    ...startup,
    component: { ...startup.component, entrypoint: 'sh' },
    shared: { folder: '/purser', user: '1000:1000' },
  });
  for (const name of ['component', 'agent']) {
    const script = scriptOf(text, name);
    expect(script).toContain('docker volume create purser-shared >/dev/null\nchmod 1777 ');
    expect(script).toContain(' -v purser-shared:/purser --user 1000:1000 ');
  }
  expect(scriptOf(text, 'component')).toContain(` --entrypoint 'sh' 'python:3' '-c' 'echo '\\''it'\\'''`);
  expect(scriptOf(text, 'agent')).not.toContain('--entrypoint');
});

it('shares nothing unless that is asked for', () => {
  expect(cloudInit(startup)).not.toContain('volume');
});
