import { z } from 'zod';

const name = z.string().regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'small letters, digits and "-"');
/** A name, or a path such as `projects/other/global/networks/name`: nothing that changes where a request goes. */
const path = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,300}$/, 'a name, or a path such as projects/p/global/networks/n');

const Fields = z.strictObject({
  /** In which VMs are made and paid for; GCP_PROJECT_ID when left out. */
  project: z
    .string()
    .regex(/^[a-z]([-a-z0-9:.]{0,61}[a-z0-9])?$/, "a project's id such as my-project-123")
    .optional(),
  /** GCP_REGION and GCP_ZONE when left out. */
  region: name.default('us-central1'),
  zone: name.optional(),
  /** Where to try, in this order; standard: `zone`, then the others of `region`. */
  zones: z.array(name).min(1).optional(),
  /** Where VMs reach NATS: tls://. PURSER_PUBLIC_NATS_URL when left out. */
  publicNatsUrl: z.string().optional(),
  /** PURSER_VM_AGENT_IMAGE, which VMs have to be able to pull. */
  agentImage: z.string().optional(),
  image: path.default('projects/cos-cloud/global/images/family/cos-stable'),
  diskType: name.default('pd-balanced'),
  /** In whose name a VM acts; without one it can ask Google for nothing, not even to be deleted early. */
  serviceAccount: z.email().optional(),
  scopes: z.array(z.url()).min(1).default(['https://www.googleapis.com/auth/compute']),
  network: path.default('default'),
  subnetwork: path.optional(),
  /** Whether a VM gets an address on the internet. Without one it needs Cloud NAT to reach anything outside. */
  externalAddress: z.boolean().default(false),
  /**
   * Which environment variable holds the path of a service account's JSON file. GOOGLE_APPLICATION_CREDENTIALS when left out,
   * else whatever Google's library finds; but with an `apiEndpoint` that is not Google's it must be named here.
   */
  credentialsEnv: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable')
    .optional(),
  apiEndpoint: z
    .url({ protocol: /^https?$/, error: 'an http or https URL, such as "https://compute.googleapis.com"' })
    .default('https://compute.googleapis.com'),
});

export const GcpComputeConfig = Fields.superRefine(({ region, zone }, context) => {
  if (zone === undefined || regionOf(zone) === region) return;
  const message = `${zone} is not in ${region}: set GCP_REGION and GCP_ZONE to match, or "zones" to all that are to be tried`;
  context.addIssue({ code: 'custom', path: ['zone'], message });
});
export type GcpComputeConfig = z.output<typeof GcpComputeConfig>;

export const regionOf = (zone: string): string => zone.slice(0, zone.lastIndexOf('-'));

export const isGoogles = ({ apiEndpoint }: Pick<GcpComputeConfig, 'apiEndpoint'>): boolean =>
  new URL(apiEndpoint).hostname.endsWith('.googleapis.com');
