import { ASK_COMPONENT, isSessionComponent, sessionLink, subjectOf, vmsHeartbeat } from '@purser/contracts';

export interface VmUser {
  vmId: string;
  component: string;
  password: string;
}

export const userName = (vmId: string): string => `vm-${vmId}`;

/** Who may ask for components, so whose inboxes the agents may answer to. */
const ASKERS = ['offload-manager', 'tools', 'cli'];

/** A VM may tell of itself, hear the answer, and answer what its component is asked: no more of the bus than that. */
const permissionsOf = (user: VmUser) => (isSessionComponent(user.component) ? ofSession(user) : ofComponent(user));

/** In place of a component's requests it has a link to the runner of its session. */
const ofSession = ({ vmId }: VmUser) => ({
  publish: { allow: [subjectOf(vmsHeartbeat, { vm: vmId }), sessionLink(vmId).fromVm] },
  subscribe: { allow: [`_INBOX_vm.${vmId}.>`, sessionLink(vmId).toVm] },
});

const ofComponent = ({ vmId, component }: VmUser) => ({
  publish: { allow: [subjectOf(vmsHeartbeat, { vm: vmId }), '_INBOX.>', ...ASKERS.map((name) => `_INBOX_${name}.>`)] },
  subscribe: { allow: [`_INBOX_vm.${vmId}.>`, `${ASK_COMPONENT}.${component} component`] },
});

const NAME = /^([A-Z][A-Z0-9_]*):/gm;
const NOBODY = { deny: ['>'] };

/** The names that a file of guests gives: so many VMs may be users of the bus at once. */
export const guestNames = (text: string): string[] => [...text.matchAll(NAME)].map(([, name]) => name ?? '');

/** A line for each name, also for those that are free: what the server's configuration refers to must be there. */
export function guestsText(names: readonly string[], users: readonly VmUser[], newPassword: () => string): string {
  return names
    .map((name, nth) => {
      const user = users[nth];
      const entry = user
        ? { user: userName(user.vmId), password: user.password, permissions: permissionsOf(user) }
        : { user: name, password: newPassword(), permissions: { publish: NOBODY, subscribe: NOBODY } };
      // JSON is a part of the configuration's language.
      return `${name}: ${JSON.stringify(entry)}\n`;
    })
    .join('');
}
