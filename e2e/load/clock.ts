/** Shifts this process's clock by a number of seconds, like a machine with a wrong clock. */
export function shiftClock(seconds: number): void {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...args: [] | [number | string | Date]) {
      if (args.length === 0) super(ShiftedDate.now());
      else super(args[0]);
    }

    static override now(): number {
      return RealDate.now() + seconds * 1_000;
    }
  } as DateConstructor;
  const ShiftedDate = globalThis.Date;
}
