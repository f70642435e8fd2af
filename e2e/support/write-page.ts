import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { format, type FormatConfig } from 'oxfmt';

const ROOT = new URL('../../', import.meta.url);

/** Writes a page of Markdown that a suite has made, formatted like every other one. @param path in the repository. */
export async function writePage(path: string, text: string): Promise<void> {
  const style = JSON.parse(await readFile(new URL('.oxfmtrc.json', ROOT), 'utf8')) as FormatConfig;
  await mkdir(new URL('.', new URL(path, ROOT)), { recursive: true });
  await writeFile(new URL(path, ROOT), (await format(path, text, style)).code);
}
