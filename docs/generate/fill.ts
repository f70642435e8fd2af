const PLACE = /<!-- (\S+): npm run generate:figures -->[^]*?<!-- end of \1 -->/g;

/** A page with its tables, each in its place. @throws if a table has no place, or a place no table. */
export function filled(page: string, tables: Readonly<Record<string, string>>): string {
  const places = new Set<string>();
  const text = page.replaceAll(PLACE, (_, name: string) => {
    const table = tables[name];
    if (table === undefined) throw new Error(`there is no table for its place "${name}"`);
    places.add(name);
    return `<!-- ${name}: npm run generate:figures -->\n\n${table}\n\n<!-- end of ${name} -->`;
  });
  const missing = Object.keys(tables).filter((name) => !places.has(name));
  if (missing.length > 0) throw new Error(`it has no place for ${missing.join(', ')}`);
  return text;
}
