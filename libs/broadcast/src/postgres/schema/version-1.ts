import { members } from './members.js';
import { pods } from './pods.js';
import { retention } from './retention.js';
import { streams } from './streams.js';
import { tables } from './tables.js';

/** @param s the name of the schema, which exists. */
export function version1(s: string): string {
  return `
${tables(s)}
${streams(s)}
${members(s)}
${pods(s)}
${retention(s)}
insert into ${s}.meta (version, incarnation) values (1, ${s}.new_epoch_1());
select ${s}.upkeep_1(0);
`;
}
