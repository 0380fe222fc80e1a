import type { CallOptions } from './model-provider.js';

/** Something that a person is told. */
export interface Notice {
  /** Of this message; the same when it is sent again because nobody knows whether it arrived. */
  id: string;
  /** Of what it is about: the same for all notices of one alert, while it lasts and when it is over. */
  fingerprint: string;
  /** `firing` and `resolved` are an alert's; `report` is the daily one; `test` was asked for by a person. */
  state: 'firing' | 'resolved' | 'report' | 'test';
  severity: 'info' | 'warning' | 'critical';
  /** One token, such as `budget_exhausted` or `spike`. */
  kind: string;
  /** One line. */
  title: string;
  /** A few lines of plain text. */
  text: string;
  /** Whatever else there is to know, as JSON. */
  details: Readonly<Record<string, unknown>>;
  at: Date;
}

/** A way to reach people. */
export interface Notifier {
  /**
   * Wants each alert in a notice of its own, and always told when it is over: for what keeps an incident or an issue open
   * by its fingerprint. Everything else gets what comes together in one notice.
   */
  readonly single?: boolean;
  /** From which severity on it is told, unless config/alerts.json says otherwise; everything when left out. */
  readonly minSeverity?: Notice['severity'];
  /** False for what the daily report does not belong in. */
  readonly reports?: boolean;
  /** Resolves when the other side has taken the notice; rejects with an error that says what is wrong and how to mend it. */
  send(notice: Notice, options: CallOptions): Promise<void>;
}
