import { OwnGate, type OwnGateSettings } from '@purser/docker-gate';

/** The gate that containers are asked of: one that somebody else runs, or one of this process's own. */
export class GateAccess {
  private starting: Promise<OwnGate> | undefined;
  private own: OwnGate | undefined;
  private closed = false;
  private readonly where: string | OwnGateSettings;
  private readonly say: (line: string) => void;

  /** `where`: the socket of another's gate, or how to start one. */
  constructor(where: string | OwnGateSettings, say: (line: string) => void) {
    this.where = where;
    this.say = say;
  }

  /** Starts it (again) when it is this process's own and does not run, which also removes what the last one left. */
  async socketPath(): Promise<string> {
    if (typeof this.where === 'string') return this.where;
    if (this.closed) throw new Error('this runner shuts down');
    if (this.own?.reachable) return this.own.socketPath;
    this.starting ??= this.startAnew(this.where).finally(() => (this.starting = undefined));
    this.own = await this.starting;
    return this.own.socketPath;
  }

  private async startAnew(where: OwnGateSettings): Promise<OwnGate> {
    await this.own?.close();
    return OwnGate.start(where, this.say);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.starting?.catch(() => undefined);
    await this.own?.close();
  }
}
