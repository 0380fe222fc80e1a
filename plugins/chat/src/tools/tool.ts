/** A tool as the model is told of it. */
export interface ToolDescription {
  name: string;
  description: string;
  /** JSON Schema of an object. */
  parameters: Record<string, unknown>;
}

export interface ToolContext {
  /** Aborted when the call is to end: its answer is no longer waited for. */
  signal: AbortSignal;
  /** The most text that is shown to the model of this call; more may be returned, and is cut. */
  most: number;
}

export interface ToolResult {
  text: string;
  failed?: boolean;
}

export interface Tool extends ToolDescription {
  /** It changes nothing: such calls may run side by side, and again. */
  reads: boolean;
  /** Throws ToolError for what the model should hear. */
  run(args: Record<string, unknown>, context: ToolContext): Promise<ToolResult>;
}

/** Its message is for the model, which may do better with it. */
export class ToolError extends Error {}
