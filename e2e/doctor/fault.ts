import type { IngressServer } from '../support/ingress-classes.js';
import type { Patient } from './patient.js';

/** A fault that is really made, and the one finding that doctor must report. */
export interface Fault {
  readonly id: string;
  readonly name: string;
  readonly make: (patient: Patient) => Promise<void>;
  /** In place of the address of the controller. */
  readonly args?: (patient: Patient) => readonly string[] | Promise<readonly string[]>;
  /** Only this controller can have it. */
  readonly only?: IngressServer;
}
