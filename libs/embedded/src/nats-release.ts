/**
 * The release of nats-server that is downloaded where none is found. The sums are those of the project's SHA256SUMS
 * file, as the Dockerfiles of nats-io/nats-docker (Linux) and the package list of cashapp/hermit-packages (all four)
 * repeat them. A new version needs its own sums here.
 */
export interface NatsRelease {
  version: string;
  /** SHA-256 of `nats-server-v<version>-<platform>.tar.gz` by platform. */
  sha256: Readonly<Record<string, string>>;
}

export const NATS_RELEASE: NatsRelease = {
  version: '2.14.7',
  sha256: {
    'linux-amd64': 'e5c20b1cb2c0566b54c544312e91e011f9e130c5c80f16a14f4cf28ef30b8be2',
    'linux-arm64': '50e0258a1b7290f3fe2e4f17506b74a90ffb1dd77867ae3a402eb0c9e2b0d40f',
    'darwin-amd64': 'c35bd7c1b84ee0b2de25f7aa0a9f1bb4834640ac8a93698a6b79f9d1de3cf5ff',
    'darwin-arm64': '9fc225cddebc67438345ad988c5d6bfc6daad16a7609bcceaafa88bcab9b9001',
  },
};

export const NATS_RELEASES_URL = 'https://github.com/nats-io/nats-server/releases/download';

/** The name that the releases use for a platform of Node's. */
export function releasePlatform(platform: string, arch: string): string {
  return `${platform}-${arch === 'x64' ? 'amd64' : arch}`;
}
