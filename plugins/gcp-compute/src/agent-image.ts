/** What is wrong with an image that a VM pulls from a registry, or undefined. One that only this machine has it cannot pull. */
export function unpullable(image: string | undefined): string | undefined {
  if (image === undefined || (image.includes('/') && !/^(localhost|127\.)/.test(image))) return undefined;
  return (
    `PURSER_VM_AGENT_IMAGE is ${image}, which is in no registry that a VM reaches: push Purser’s image to one, and set it to ` +
    'its name there, such as us-central1-docker.pkg.dev/my-project-123/purser/purser:1 (docs/guides/compute.md)'
  );
}
