import { command } from './command.js';

/**
 * Injects faults that the Kubernetes API cannot, with the program in E2E_FAULT; kind/fault is the one for kind. Its
 * calls:
 *
 *     kill NAMESPACE POD [SIGNAL]           a signal, KILL by default, to the main process of the pod's first container
 *     pause NAMESPACE POD SECONDS           SIGSTOP, and SIGCONT after it
 *     drop NAMESPACE POD ADDRESS SECONDS    drop the pod's packets to and from an address
 *     cut-node N SECONDS                    take the N-th worker off the network; its pods keep running
 *     stop-api SECONDS                      stop the API server
 *
 * Each returns when the fault is over.
 *
 * @throws Error if E2E_FAULT is not set, or the program fails.
 */
export function injectFault(...args: readonly string[]): Promise<string> {
  const program = process.env['E2E_FAULT'];
  if (program === undefined) throw new Error('set E2E_FAULT to the program that injects faults, see e2e/README.md');
  return command(program, args);
}
