/**
 * The statements that give a role what pods need, in a schema of another role. It can neither create nor change nor drop anything.
 *
 * @param s the name of the schema.
 * @param role quoted.
 */
export function grants(s: string, role: string): string {
  return `
grant usage on schema ${s} to ${role};
grant select, insert, update, delete on all tables in schema ${s} to ${role};
grant usage on all sequences in schema ${s} to ${role};
grant execute on all functions in schema ${s} to ${role};
`;
}
