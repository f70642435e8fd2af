/** The exit codes. */
export const EXIT = {
  ok: 0,
  /** The gateway or the database refused or failed. */
  failed: 1,
  /** Wrong usage. */
  usage: 2,
  /** A configuration is not valid: EX_CONFIG of sysexits.h, as the gateway exits with it. */
  config: 78,
  /** No gateway or database can be reached: EX_UNAVAILABLE of sysexits.h. */
  unreachable: 69,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the command. The message is one line that says what was wrong and what to do, without secrets. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
