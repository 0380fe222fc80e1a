/**
 * How many different things one emergency may stop. Above it a person has to look: a pattern or a label that catches too
 * much is more likely than that many runaways. What was stopped once may be stopped again.
 */
export class BlastRadius {
  private readonly touched = new Set<string>();

  constructor(readonly limit: number) {}

  allows(id: string): boolean {
    if (this.touched.has(id)) return true;
    if (this.touched.size >= this.limit) return false;
    this.touched.add(id);
    return true;
  }
}
