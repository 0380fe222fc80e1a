import { PROGRAM_SCRIPT, VM_FOLDER, VM_USER } from '@purser/contracts';
import type { VmStartup } from '@purser/plugin-sdk';

/** The program's image waits by a script until its agent has laid out the files; neither holds a secret of the session. */
export function sessionStartup(image: string | undefined, agentImage: string): VmStartup {
  const env = { PURSER_VM_FOLDER: VM_FOLDER };
  return {
    component: { image: image ?? agentImage, entrypoint: 'sh', command: ['-c', PROGRAM_SCRIPT], env },
    agent: { image: agentImage, env },
    shared: { folder: VM_FOLDER, user: VM_USER },
  };
}
