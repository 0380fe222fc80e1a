/** What must be known of a component to start it elsewhere, and to bring it home. */
export interface Movable {
  name: string;
  image?: string | undefined;
  /** In the image; empty means the image's own. */
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  port?: number | undefined;
  healthPath: string;
  memoryMb?: number | undefined;
  diskGb: number;
  /** Where it runs on this machine, and how it is started and stopped there. */
  local?: {
    url: string;
    container?: string | undefined;
    command?: readonly string[] | undefined;
    cwd?: string | undefined;
  };
}

export interface Movables {
  get(name: string): Movable | undefined;
  list(): readonly Movable[];
  /** Why it cannot move; undefined when it can. */
  whyItStays(name: string): string | undefined;
}

export const MOVABLES = Symbol('movable components');
