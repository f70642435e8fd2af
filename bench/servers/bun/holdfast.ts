import { holdfast } from '../holdfast/server.ts';
import type { Server } from '../server.ts';
import { needsBun } from './needs-bun.ts';

/** The same gateway on another runtime. */
export const holdfastOnBun: Server = {
  ...holdfast,
  name: 'holdfast-on-bun',
  title: 'Holdfast on Bun',
  prepare: needsBun,
  async launch({ port, broker }) {
    const { args, ...launched } = await holdfast.launch({ port, broker });
    // The options before the program are for Node.
    return { ...launched, command: 'bun', args: args.slice(-1) };
  },
};
