/** How urgent a finding is. */
export type Level =
  /** Something does not work now. */
  | 'error'
  /** It works, and will fail at a foreseeable event: a rollout, a drain, more clients. */
  | 'warning'
  /** A choice with a consequence that its operator should know. Changes no exit code. */
  | 'advice';

/** A kind of finding, as the docs explain it. Commands contain NAMES in capitals. */
export interface Entry {
  readonly level: Level;
  /** One sentence without a full stop. */
  readonly title: string;
  /** What people notice. */
  readonly symptom: string;
  readonly why: string;
  /** Commands that show it. */
  readonly see: readonly string[];
  readonly mend: string;
  /** The findings that are its consequences: they are not reported beside it. */
  readonly hides?: readonly string[];
}

export type Section = Readonly<Record<string, Entry>>;
